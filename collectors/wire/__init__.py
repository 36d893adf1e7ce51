"""The wire under the clients, live or replayed: httpx, requests and Scrapy transports, address policy."""
