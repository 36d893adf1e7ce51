-- What was removed and why, without what it was; and who asked to be left alone.
CREATE TABLE base.removed (removed_at TIMESTAMPTZ, platform VARCHAR, kind VARCHAR, token VARCHAR, reason VARCHAR);

CREATE VIEW removed AS SELECT * FROM base.removed;
CREATE VIEW opt_outs AS
SELECT platform, 'account' AS kind, account_id AS key, unnest(list_intersect(
           flags, ['noindex', 'not-indexable', 'not-discoverable', 'no-unauthenticated'])) AS asked,
       first_seen, record_id
FROM base.current_accounts WHERE flags IS NOT NULL
UNION ALL
SELECT platform, kind, key, reason, first_seen, record_id FROM base.absences WHERE reason = 'opted-out'
UNION ALL
SELECT collector, kind, url, 'robots.txt', fetched_at, record_id FROM base.fetches WHERE failure = 'robots';

COMMENT ON VIEW removed IS 'What was taken out because a platform says that it is gone, or because it was kept long enough: one row each, without its content.';
COMMENT ON COLUMN removed.removed_at IS 'when it was taken out';
COMMENT ON COLUMN removed.platform IS 'x, mastodon, bluesky, or the collector of expired answers';
COMMENT ON COLUMN removed.kind IS 'post, account, or the kind of an expired answer';
COMMENT ON COLUMN removed.token IS 'what stands for its id in others'' records; empty for expired answers';
COMMENT ON COLUMN removed.reason IS 'gone, suspended, protected, deactivated ...; expired: kept as long as keep_days says';
COMMENT ON VIEW opt_outs IS 'Who asked to be left alone, and how: flags of accounts, refusals met, robots.txt.';
COMMENT ON COLUMN opt_outs.platform IS 'x, mastodon, bluesky, a site, or a collector';
COMMENT ON COLUMN opt_outs.kind IS 'account, or the kind of target';
COMMENT ON COLUMN opt_outs.key IS 'id of the account, key of the target, or address';
COMMENT ON COLUMN opt_outs.asked IS 'the flag, opted-out, or robots.txt';
COMMENT ON COLUMN opt_outs.first_seen IS 'when it was first seen';
COMMENT ON COLUMN opt_outs.record_id IS 'the recorded answer that says so';
