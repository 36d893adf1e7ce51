-- What the snowball went along, and what each wave brought.

-- All that the lists and posts show which the snowball read to go along a tie; wave: of whoever they lead to.
CREATE VIEW leads AS
WITH along AS (
    SELECT DISTINCT collector AS platform, key AS via, wave, unnest(string_split(substr(rule, 8), ', ')) AS tie
    FROM base.admissions WHERE rule LIKE 'along: %'
), bearers AS (
    SELECT platform, lower(handle) AS handle, arg_max(account_id, (last_seen, account_id)) AS account_id
    FROM base.accounts WHERE handle IS NOT NULL GROUP BY ALL
), shown AS (
    SELECT platform, 'following' AS tie, follower_id AS via, followed_id AS key FROM base.follows
    WHERE listed = 'following'
    UNION ALL SELECT platform, 'followers', followed_id, follower_id FROM base.follows WHERE listed = 'followers'
    UNION ALL SELECT platform, 'replies', account_id, reply_to_account FROM posts
    UNION ALL SELECT platform, 'reposts', account_id, retweeted_account FROM posts
    UNION ALL SELECT m.platform, 'mentions', m.account_id, coalesce(m.mention.account_id, b.account_id)
    FROM (SELECT platform, account_id, unnest(mentions) AS mention FROM posts WHERE kind <> 'retweet') AS m
    LEFT JOIN bearers AS b ON b.platform = m.platform AND b.handle = lower(m.mention.handle)
)
SELECT DISTINCT a.platform, s.key, a.wave + 1 AS wave, a.via, a.tie
FROM shown AS s JOIN along AS a USING (platform, tie, via) WHERE s.key <> a.via;
COMMENT ON VIEW leads IS 'All that the snowball saw along its ties between accounts: who leads to whom, admitted or not.';
COMMENT ON COLUMN leads.platform IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN leads.key IS 'the account that is led to';
COMMENT ON COLUMN leads.wave IS 'steps from a seed';
COMMENT ON COLUMN leads.via IS 'the admitted account that leads there';
COMMENT ON COLUMN leads.tie IS 'following, followers, mentions, replies, reposts, lists';

CREATE OR REPLACE VIEW discoveries AS
WITH asked AS (
    SELECT a.collector, a.kind, a.key, min(a.wave) AS wave, bool_or(a.via = '') AS seed, min(a.via) AS via,
           any_value(k.names) AS names, any_value(k.yields) AS yields
    FROM base.answers AS a LEFT JOIN base.kinds AS k USING (collector, kind) GROUP BY a.collector, a.kind, a.key
    UNION ALL
    SELECT collector, kind, key, min(wave), bool_or(via = ''), min(via), NULL, NULL
    FROM base.admissions WHERE kind = 'admitted' GROUP BY collector, kind, key
), reached AS (SELECT key AS profile_id, min(wave) AS wave FROM asked WHERE yields = 'profiles' GROUP BY key
), paths AS (
    SELECT a.collector, a.kind, a.key, l.wave + 1 AS wave, c.profile_id AS via, 'connections' AS tie
    FROM base.connections AS c JOIN asked AS a ON a.yields = 'profiles' AND a.key = c.other_id
    JOIN asked AS l ON l.yields = 'connections' AND l.key = c.profile_id
    UNION SELECT a.collector, a.kind, a.key, r.wave, h.profile_id, 'link'
    FROM profile_handles AS h
    JOIN asked AS a ON a.collector = h.platform AND a.names = 'handle' AND a.key = lower(h.handle)
    JOIN reached AS r USING (profile_id)
    UNION SELECT a.collector, a.kind, a.key, r.wave, l.profile_id, 'link'
    FROM base.links AS l
    JOIN asked AS a ON a.collector = l.platform AND a.names IS DISTINCT FROM 'handle' AND a.key = l.account_id
    JOIN reached AS r USING (profile_id) WHERE l.decision = 'accepted'
    UNION SELECT a.collector, a.kind, a.key, l.wave, l.via, l.tie
    FROM leads AS l JOIN asked AS a ON a.collector = l.platform AND a.kind = 'admitted' AND a.key = l.key
)
SELECT collector, kind, key, wave, via, tie FROM paths
UNION SELECT collector, kind, key, wave, '', '' FROM asked WHERE seed
UNION SELECT a.collector, a.kind, a.key, a.wave, a.via, ''
FROM asked AS a ANTI JOIN paths AS p USING (collector, kind, key) WHERE NOT a.seed;
COMMENT ON VIEW discoveries IS 'Every target with all the paths that lead to it: who led there, along which tie; kind admitted: those whom the snowball admitted.';
COMMENT ON COLUMN discoveries."collector" IS 'name of the collector';
COMMENT ON COLUMN discoveries."kind" IS 'kind of target';
COMMENT ON COLUMN discoveries."key" IS 'what was wanted: a profile, handle, account ...';
COMMENT ON COLUMN discoveries."wave" IS 'steps from a seed';
COMMENT ON COLUMN discoveries."via" IS 'the key that led here; empty for a seed';
COMMENT ON COLUMN discoveries."tie" IS 'connections, following, followers, mentions, replies, reposts, lists; link: an account on a profile; empty for a seed';

CREATE VIEW saturation AS
WITH spent AS (
    SELECT CASE WHEN d.rule LIKE 'along: %' OR (d.via = d.key AND d.kind <> 'admitted') THEN d.wave + 1 ELSE d.wave END
               AS wave, a.record_id
    FROM base.admissions AS d JOIN base.answers AS a USING (collector, kind, key)
    WHERE d.rule IN ('seed', 'look-up', 'connected') OR d.rule LIKE 'along: %' OR d.rule LIKE 'admit: %'
), led AS (
    SELECT coalesce(o.actor_id, l.key) AS actor_id, l.wave FROM leads AS l LEFT JOIN actors AS o ON o.subject = l.key
    UNION ALL
    SELECT coalesce(o.actor_id, c.other_id), l.wave + 1
    FROM base.connections AS c JOIN base.answers AS l ON l.key = c.profile_id
    JOIN base.kinds AS k ON k.collector = l.collector AND k.kind = l.kind AND k.yields = 'connections'
    LEFT JOIN actors AS o ON o.subject = c.other_id
), inside AS (
    SELECT o.actor_id, min(a.wave) AS wave FROM (
        SELECT key AS subject, wave FROM base.admissions WHERE kind = 'admitted'
        UNION ALL
        SELECT p.profile_id, a.wave FROM base.current_profiles AS p
        JOIN base.answers AS a USING (record_id) JOIN base.kinds AS k USING (collector, kind)
        WHERE k.yields = 'profiles') AS a
    JOIN actors AS o USING (subject) GROUP BY 1
), reached AS (
    SELECT actor_id, min(wave) AS wave FROM (FROM led UNION ALL FROM inside) GROUP BY 1
), brought AS (
    SELECT i.wave, count(*) AS admitted, count(m.actor_id) AS new_members
    FROM inside AS i LEFT JOIN members AS m USING (actor_id) GROUP BY 1
), asked AS (SELECT wave, count(DISTINCT record_id) AS requests FROM spent GROUP BY 1
), seen AS (SELECT wave, count(*) AS reached FROM reached GROUP BY 1)
SELECT wave, coalesce(requests, 0) AS requests, coalesce(reached, 0) AS reached, coalesce(admitted, 0) AS admitted,
       coalesce(new_members, 0) AS new_members, new_members / nullif(requests, 0) AS new_members_per_request
FROM seen FULL JOIN asked USING (wave) FULL JOIN brought USING (wave) ORDER BY wave;
COMMENT ON VIEW saturation IS 'What each wave cost and brought: how far new members still turn up.';
COMMENT ON COLUMN saturation.wave IS 'steps from a seed; 0: the seeds';
COMMENT ON COLUMN saturation.requests IS 'requests that led to this wave: the lists of the wave before, look-ups and profiles of this one';
COMMENT ON COLUMN saturation.reached IS 'people whom a list or post of the wave before is the first to show';
COMMENT ON COLUMN saturation.admitted IS 'people of this wave who were admitted, or whose profile was read';
COMMENT ON COLUMN saturation.new_members IS 'the members among them';
COMMENT ON COLUMN saturation.new_members_per_request IS 'new members a request; none, if none was made';
