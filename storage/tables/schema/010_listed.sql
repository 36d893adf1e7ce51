-- Who is on which list: one that somebody keeps, or what a query finds. A row an account and walk that showed it.
CREATE TABLE base.listed (
    platform VARCHAR, list_id VARCHAR, account_id VARCHAR, position BIGINT, walk VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);

CREATE VIEW listed AS
SELECT platform, list_id, account_id, arg_max(position, (last_seen, walk)) AS position, min(first_seen) AS first_seen,
       max(last_seen) AS last_seen, arg_max(record_id, (last_seen, walk)) AS record_id
FROM base.listed GROUP BY ALL;
COMMENT ON VIEW listed IS 'Who is, or was, on which list: starter packs and lists that somebody keeps, and what queries of the study found.';
COMMENT ON COLUMN listed."platform" IS 'x, mastodon, bluesky ...; for profiles the site';
COMMENT ON COLUMN listed."list_id" IS 'the list or query: the key of the target that asked for it';
COMMENT ON COLUMN listed."account_id" IS 'the account: the platform''s own id';
COMMENT ON COLUMN listed."position" IS 'its place when it was last seen on it, from 1; none: not told';
COMMENT ON COLUMN listed."first_seen" IS 'when it was first seen';
COMMENT ON COLUMN listed."last_seen" IS 'when it was last seen';
COMMENT ON COLUMN listed."record_id" IS 'WARC-Record-ID of the answer that the row came from';
