-- What the kinds of the installed collectors are, as they declare it: rules and views ask for that, not for a kind's name.
CREATE TABLE base.kinds (collector VARCHAR, kind VARCHAR, names VARCHAR, yields VARCHAR);

-- All the paths that lead to a target, not only the one by which it was admitted first: every list that shows the
-- profile, every profile that links to the account. So what interrupted the collecting leaves no trace here.
CREATE OR REPLACE VIEW discoveries AS
WITH asked AS (
    SELECT a.collector, a.kind, a.key, min(a.wave) AS wave, bool_or(a.via = '') AS seed, min(a.via) AS via,
           any_value(k.names) AS names, any_value(k.yields) AS yields
    FROM base.answers AS a LEFT JOIN base.kinds AS k USING (collector, kind) GROUP BY a.collector, a.kind, a.key
), reached AS (SELECT key AS profile_id, min(wave) AS wave FROM asked WHERE yields = 'profiles' GROUP BY key
), paths AS (
    SELECT a.collector, a.kind, a.key, l.wave + 1 AS wave, c.profile_id AS via
    FROM base.connections AS c JOIN asked AS a ON a.yields = 'profiles' AND a.key = c.other_id
    JOIN asked AS l ON l.yields = 'connections' AND l.key = c.profile_id
    UNION SELECT a.collector, a.kind, a.key, r.wave, h.profile_id
    FROM profile_handles AS h
    JOIN asked AS a ON a.collector = h.platform AND a.names = 'handle' AND a.key = lower(h.handle)
    JOIN reached AS r USING (profile_id)
    UNION SELECT a.collector, a.kind, a.key, r.wave, l.profile_id
    FROM base.links AS l
    JOIN asked AS a ON a.collector = l.platform AND a.names IS DISTINCT FROM 'handle' AND a.key = l.account_id
    JOIN reached AS r USING (profile_id) WHERE l.decision = 'accepted'
)
SELECT collector, kind, key, wave, via FROM paths
UNION SELECT collector, kind, key, wave, '' FROM asked WHERE seed
UNION SELECT a.collector, a.kind, a.key, a.wave, a.via FROM asked AS a ANTI JOIN paths AS p USING (collector, kind, key)
WHERE NOT a.seed;

COMMENT ON VIEW discoveries IS 'Which targets were reached at which wave, and from where: all paths, not only the first.';
COMMENT ON COLUMN discoveries."collector" IS 'name of the collector';
COMMENT ON COLUMN discoveries."kind" IS 'kind of target';
COMMENT ON COLUMN discoveries."key" IS 'what was wanted: a profile, handle, account ...';
COMMENT ON COLUMN discoveries."wave" IS 'steps from a seed';
COMMENT ON COLUMN discoveries."via" IS 'the key that led here; empty for a seed';
