-- What users query. The comment on a view or column is its entry in docs/data-dictionary.md.
-- Current state: one row per key. Versions have views of their own (profile_versions, handles, post_versions).

CREATE VIEW profile_versions AS
SELECT profile_id, platform, url, name, headline, description, location,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen,
       arg_min(record_id, first_seen) AS record_id, content
FROM base.profiles GROUP BY profile_id, platform, url, name, headline, description, location, content;

CREATE VIEW profiles AS SELECT * FROM base.current_profiles;

CREATE VIEW positions AS
SELECT p.profile_id, p.ordinal, p.employer, p.title, p.started, p.ended, p.current,
       e.organisation, e.group_name, e.rule, f.record_id
FROM base.positions AS p JOIN profiles AS f USING (profile_id, content)
LEFT JOIN base.employers AS e USING (employer);

CREATE VIEW profile_links AS
SELECT l.profile_id, l.url, l.rel, f.record_id
FROM base.profile_links AS l JOIN profiles AS f USING (profile_id, content);

CREATE VIEW profile_handles AS
SELECT l.profile_id, h.platform, h.handle, l.url, l.rel, l.record_id
FROM profile_links AS l JOIN base.link_handles AS h USING (url);

CREATE VIEW memberships AS
SELECT profile_id, group_name, min(organisation) AS organisation, min(employer) AS employer,
       arg_min(title, ordinal) AS title, min(record_id) AS record_id
FROM positions WHERE current AND group_name IS NOT NULL GROUP BY profile_id, group_name;

CREATE VIEW members AS
SELECT m.profile_id, any_value(f.name) AS name, list(m.group_name ORDER BY m.group_name) AS group_names,
       min(m.group_name) AS group_name, arg_min(m.organisation, m.group_name) AS organisation,
       arg_min(m.employer, m.group_name) AS employer, arg_min(m.title, m.group_name) AS title,
       any_value(f.location) AS location, any_value(f.url) AS url, any_value(f.record_id) AS record_id
FROM memberships AS m JOIN profiles AS f USING (profile_id) GROUP BY m.profile_id;

CREATE VIEW connections AS SELECT * FROM base.current_connections;

CREATE VIEW account_versions AS
SELECT account_id, platform, handle, name, description, location, url, verified, protected, flags,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen, arg_min(record_id, first_seen) AS record_id, content
FROM base.accounts
GROUP BY account_id, platform, handle, name, description, location, url, verified, protected, flags, content;

CREATE VIEW accounts AS SELECT * FROM base.current_accounts;

CREATE VIEW handles AS
SELECT account_id, platform, handle, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM base.accounts WHERE handle IS NOT NULL GROUP BY account_id, platform, handle;

CREATE VIEW follows AS SELECT * FROM base.current_follows;
CREATE VIEW follow_sightings AS SELECT * FROM base.follows;
-- an edge is over when a later complete walk of a list that had shown it no longer does
CREATE VIEW follow_history AS
WITH shown AS (
    SELECT DISTINCT f.follower_id, f.followed_id, f.platform, w.collector, w.kind, w.key
    FROM base.follows AS f JOIN base.walks AS w USING (walk))
SELECT f.follower_id, f.followed_id, f.platform, f.first_seen, f.last_seen,
       min(w.started_at) FILTER (w.started_at > f.last_seen) AS closed_at, f.record_id
FROM follows AS f LEFT JOIN shown AS s USING (follower_id, followed_id, platform)
LEFT JOIN base.walks AS w ON w.complete AND w.collector = s.collector AND w.kind = s.kind AND w.key = s.key
GROUP BY f.follower_id, f.followed_id, f.platform, f.first_seen, f.last_seen, f.record_id;

CREATE VIEW posts AS
SELECT * EXCLUDE (sample) FROM base.posts WHERE timeline_of IS NOT NULL AND sample IS NULL;
CREATE VIEW referenced_posts AS
SELECT * EXCLUDE (sample, timeline_of) FROM base.posts WHERE timeline_of IS NULL AND sample IS NULL;
CREATE VIEW sample_posts AS SELECT * EXCLUDE (timeline_of) FROM base.posts WHERE sample IS NOT NULL;
CREATE VIEW post_versions AS SELECT * EXCLUDE (fetched_at) FROM base.post_versions;

CREATE VIEW post_hashtags AS
SELECT post_id, account_id, created_at, unnest(hashtags) AS hashtag,
       generate_subscripts(hashtags, 1) AS ordinal, 'delivered' AS origin, record_id
FROM posts
UNION ALL
SELECT post_id, account_id, created_at, unnest(full_hashtags), generate_subscripts(full_hashtags, 1),
       'referenced', record_id
FROM posts WHERE full_hashtags IS NOT NULL;

CREATE VIEW post_mentions AS
SELECT post_id, account_id, created_at, m.handle AS handle, m.account_id AS mentioned_account_id, ordinal, origin, record_id
FROM (
    SELECT post_id, account_id, created_at, unnest(mentions) AS m, generate_subscripts(mentions, 1) AS ordinal,
           'delivered' AS origin, record_id FROM posts
    UNION ALL
    SELECT post_id, account_id, created_at, unnest(full_mentions), generate_subscripts(full_mentions, 1),
           'referenced', record_id FROM posts WHERE full_mentions IS NOT NULL);

CREATE VIEW links AS SELECT * EXCLUDE (decision) FROM base.links WHERE decision = 'accepted';
CREATE VIEW link_candidates AS SELECT * FROM base.links WHERE decision <> 'accepted';
CREATE VIEW organisations AS SELECT * FROM base.organisations;
CREATE VIEW groups AS SELECT group_name, name, published_profiles, published_accounts FROM base.organisations
WHERE kind = 'group';
CREATE VIEW register AS SELECT * FROM base.register;
CREATE VIEW offices AS SELECT * FROM base.offices;
CREATE VIEW absences AS SELECT * FROM base.absences;
CREATE VIEW deletions AS SELECT * FROM base.deletions;
CREATE VIEW fetches AS SELECT * FROM base.fetches;
CREATE VIEW answers AS SELECT * FROM base.answers;
-- All the paths that lead to a target, not only the one by which it was admitted first: every list that shows the
-- profile, every profile that links to the account. So what interrupted the collecting leaves no trace here.
CREATE VIEW discoveries AS
WITH asked AS (
    SELECT collector, kind, key, min(wave) AS wave, bool_or(via = '') AS seed, min(via) AS via
    FROM base.answers GROUP BY collector, kind, key
), reached AS (SELECT key AS profile_id, min(wave) AS wave FROM asked WHERE kind = 'profile' GROUP BY key
), paths AS (
    SELECT a.collector, a.kind, a.key, l.wave + 1 AS wave, c.profile_id AS via
    FROM base.connections AS c JOIN asked AS a ON a.kind = 'profile' AND a.key = c.other_id
    JOIN asked AS l ON l.kind = 'connections' AND l.key = c.profile_id
    UNION SELECT a.collector, a.kind, a.key, r.wave, h.profile_id
    FROM profile_handles AS h JOIN asked AS a ON a.collector = h.platform AND a.kind = 'user' AND a.key = lower(h.handle)
    JOIN reached AS r USING (profile_id)
    UNION SELECT a.collector, a.kind, a.key, r.wave, l.profile_id
    FROM base.links AS l JOIN asked AS a ON a.collector = l.platform AND a.kind <> 'user' AND a.key = l.account_id
    JOIN reached AS r USING (profile_id) WHERE l.decision = 'accepted'
)
SELECT collector, kind, key, wave, via FROM paths
UNION SELECT collector, kind, key, wave, '' FROM asked WHERE seed
UNION SELECT a.collector, a.kind, a.key, a.wave, a.via FROM asked AS a ANTI JOIN paths AS p USING (collector, kind, key)
WHERE NOT a.seed;
CREATE VIEW admissions AS SELECT * FROM base.admissions;
CREATE VIEW runs AS SELECT * FROM base.runs;
CREATE VIEW walks AS SELECT * FROM base.walks;
CREATE VIEW gaps AS SELECT * FROM base.gaps;
CREATE VIEW quarantine AS SELECT * FROM base.quarantine;
CREATE VIEW study AS SELECT * FROM base.study;
