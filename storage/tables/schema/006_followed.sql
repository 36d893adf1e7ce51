-- When one account began to follow another, where the platform tells it: only an AT repository's own records do.
ALTER TABLE base.follows ADD COLUMN followed_at TIMESTAMPTZ;
ALTER TABLE base.current_follows ADD COLUMN followed_at TIMESTAMPTZ;

CREATE OR REPLACE VIEW follows AS SELECT * FROM base.current_follows;
COMMENT ON VIEW follows IS 'Who follows whom: one row per edge, from whichever of the two lists showed it.';
COMMENT ON COLUMN follows."follower_id" IS 'the account that follows';
COMMENT ON COLUMN follows."followed_id" IS 'the account that is followed';
COMMENT ON COLUMN follows."platform" IS 'x, mastodon, bluesky ...; for profiles the site';
COMMENT ON COLUMN follows."first_seen" IS 'when it was first seen';
COMMENT ON COLUMN follows."last_seen" IS 'when it was last seen';
COMMENT ON COLUMN follows."record_id" IS 'WARC-Record-ID of the answer that the row came from';
COMMENT ON COLUMN follows."followed_at" IS 'when it began, as the follower''s own program claims (Bluesky''s follow records); none: not told';

CREATE OR REPLACE VIEW follow_sightings AS SELECT * FROM base.follows;
COMMENT ON VIEW follow_sightings IS 'Follow edges per list and walk that showed them: whether one is gone shows only in a later complete walk.';
COMMENT ON COLUMN follow_sightings."platform" IS 'x, mastodon, bluesky ...; for profiles the site';
COMMENT ON COLUMN follow_sightings."follower_id" IS 'the account that follows';
COMMENT ON COLUMN follow_sightings."followed_id" IS 'the account that is followed';
COMMENT ON COLUMN follow_sightings."listed" IS 'whose list showed it: following (the follower''s) or followers';
COMMENT ON COLUMN follow_sightings."walk" IS 'the pass over the list it belongs to';
COMMENT ON COLUMN follow_sightings."seen_at" IS 'when';
COMMENT ON COLUMN follow_sightings."record_id" IS 'WARC-Record-ID of the answer that the row came from';
COMMENT ON COLUMN follow_sightings."followed_at" IS 'when it began, as the follower''s own program claims; none: not told';
