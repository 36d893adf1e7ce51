"""What file formats share: files cut into chunks, and the collector that walks them."""
