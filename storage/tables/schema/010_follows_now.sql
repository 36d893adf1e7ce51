-- `follows` are the ties that are there now, `follow_history` all that ever were.
-- A tie is over when a later complete walk of a list that had shown it no longer does.
CREATE OR REPLACE VIEW follow_history AS
WITH shown AS (
    SELECT DISTINCT f.follower_id, f.followed_id, f.platform, w.collector, w.kind, w.key
    FROM base.follows AS f JOIN base.walks AS w USING (walk))
SELECT f.follower_id, f.followed_id, f.platform, f.first_seen, f.last_seen,
       min(w.started_at) FILTER (w.started_at > f.last_seen) AS closed_at, f.record_id
FROM base.current_follows AS f LEFT JOIN shown AS s USING (follower_id, followed_id, platform)
LEFT JOIN base.walks AS w ON w.complete AND w.collector = s.collector AND w.kind = s.kind AND w.key = s.key
GROUP BY f.follower_id, f.followed_id, f.platform, f.first_seen, f.last_seen, f.record_id;
COMMENT ON VIEW follow_history IS 'Every follow edge ever seen, with its end: `closed_at` is set only when a later complete walk of a list that had shown the edge no longer shows it.';
COMMENT ON COLUMN follow_history."follower_id" IS 'the account that follows';
COMMENT ON COLUMN follow_history."followed_id" IS 'the account that is followed';
COMMENT ON COLUMN follow_history."platform" IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN follow_history."first_seen" IS 'when it was first seen';
COMMENT ON COLUMN follow_history."last_seen" IS 'when it was last seen';
COMMENT ON COLUMN follow_history."closed_at" IS 'start of the complete walk that no longer shows it; none: still there, as far as is known';
COMMENT ON COLUMN follow_history."record_id" IS 'WARC-Record-ID of the answer that the row came from';

-- Only sightings older than the last complete walk of their list can be over: none, where each list was read once.
CREATE OR REPLACE VIEW follows AS
WITH latest AS (
    SELECT collector, kind, key, max(started_at) AS walked_at FROM base.walks WHERE complete GROUP BY ALL
), missed AS (
    SELECT f.follower_id, f.followed_id, f.platform, max(l.walked_at) AS walked_at
    FROM base.follows AS f JOIN base.walks AS w USING (walk) JOIN latest AS l USING (collector, kind, key)
    WHERE f.seen_at < l.walked_at GROUP BY ALL)
SELECT f.* FROM base.current_follows AS f
LEFT JOIN missed AS m USING (follower_id, followed_id, platform)
WHERE m.walked_at IS NULL OR m.walked_at <= f.last_seen;
COMMENT ON VIEW follows IS 'Who follows whom now: one row per edge, from whichever of the two lists showed it; those that are over are in `follow_history`.';
COMMENT ON COLUMN follows."follower_id" IS 'the account that follows';
COMMENT ON COLUMN follows."followed_id" IS 'the account that is followed';
COMMENT ON COLUMN follows."platform" IS 'x, mastodon, bluesky ...; for profiles the site';
COMMENT ON COLUMN follows."first_seen" IS 'when it was first seen';
COMMENT ON COLUMN follows."last_seen" IS 'when it was last seen';
COMMENT ON COLUMN follows."record_id" IS 'WARC-Record-ID of the answer that the row came from';
COMMENT ON COLUMN follows."followed_at" IS 'when it began, as the follower''s own program claims (Bluesky''s follow records); none: not told';
