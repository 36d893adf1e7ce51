-- What users query. The comment on a view or column is its entry in docs/data-dictionary.md.
-- Current state: one row per key. Versions have views of their own (profile_versions, handles, post_versions).
CREATE VIEW profile_versions AS
SELECT profile_id, platform, url, name, headline, description, location,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen,
       arg_min(record_id, (first_seen, record_id)) AS record_id, content
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
CREATE VIEW profile_details AS
SELECT d.profile_id, d.domain, d.ordinal, d.fields, f.record_id
FROM base.profile_details AS d JOIN profiles AS f USING (profile_id, content);
CREATE VIEW profile_handles AS
SELECT l.profile_id, h.platform, h.handle, l.url, l.rel, l.record_id
FROM profile_links AS l JOIN base.link_handles AS h USING (url);
CREATE VIEW memberships AS
WITH held AS (
    SELECT profile_id AS subject, organisation, group_name, employer, title, ordinal, 'positions' AS source, rule,
           1.0::DOUBLE AS confidence, record_id
    FROM positions WHERE current AND group_name IS NOT NULL AND NOT EXISTS (
        FROM base.study WHERE key = 'population.from' AND NOT json_contains(value, '"positions"'))
    UNION ALL
    SELECT subject, organisation, group_name, NULL, NULL, NULL, source, rule, confidence, record_id
    FROM base.evidence WHERE verdict = 'member'
), denied AS (
    SELECT coalesce(a.actor_id, e.subject) AS actor_id, e.organisation
    FROM base.evidence AS e LEFT JOIN base.actors AS a USING (subject)
    WHERE e.source = 'decisions' AND e.verdict = 'none'
), borne AS (
    SELECT coalesce(a.actor_id, h.subject) AS actor_id, h.* EXCLUDE (subject)
    FROM held AS h LEFT JOIN base.actors AS a USING (subject)
), kept AS (
    FROM borne AS b WHERE b.source = 'decisions' OR NOT EXISTS (
        FROM denied AS d WHERE d.actor_id = b.actor_id
        AND (d.organisation IS NULL OR d.organisation = b.organisation))
)
SELECT k.actor_id, any_value(p.profile_id) AS profile_id, k.group_name, min(k.organisation) AS organisation,
       min(k.employer) AS employer, arg_min(k.title, k.ordinal) AS title,
       arg_max(k.source, (k.confidence, k.source)) AS source, arg_max(k.rule, (k.confidence, k.source, k.rule)) AS rule,
       max(k.confidence) AS confidence, min(k.record_id) AS record_id
FROM kept AS k LEFT JOIN base.current_profiles AS p ON p.profile_id = k.actor_id
GROUP BY k.actor_id, k.group_name
QUALIFY k.group_name IS NOT NULL OR count(*) OVER (PARTITION BY k.actor_id) = 1;
CREATE VIEW members AS
SELECT m.actor_id, any_value(m.profile_id) AS profile_id, any_value(coalesce(f.name, a.name)) AS name,
       list(m.group_name ORDER BY m.group_name) FILTER (m.group_name IS NOT NULL) AS group_names, min(m.group_name) AS group_name,
       arg_min(m.organisation, m.group_name) AS organisation, arg_min(m.employer, m.group_name) AS employer,
       arg_min(m.title, m.group_name) AS title, any_value(coalesce(f.location, a.location)) AS location,
       any_value(coalesce(f.url, a.url)) AS url, any_value(coalesce(f.record_id, a.record_id)) AS record_id
FROM memberships AS m LEFT JOIN base.current_profiles AS f ON f.profile_id = m.actor_id
LEFT JOIN base.current_accounts AS a ON a.account_id = m.actor_id GROUP BY m.actor_id;
CREATE VIEW connections AS SELECT * FROM base.current_connections;
CREATE VIEW account_versions AS
SELECT account_id, platform, handle, name, description, location, url, verified, protected, flags,
       min(first_seen) AS first_seen, max(last_seen) AS last_seen, arg_min(record_id, (first_seen, record_id)) AS record_id, content
FROM base.accounts
GROUP BY account_id, platform, handle, name, description, location, url, verified, protected, flags, content;
CREATE VIEW accounts AS SELECT * FROM base.current_accounts;
CREATE VIEW handles AS
SELECT account_id, platform, handle, min(first_seen) AS first_seen, max(last_seen) AS last_seen
FROM base.accounts WHERE handle IS NOT NULL GROUP BY account_id, platform, handle;

-- The ties that are there now. Only sightings older than the last complete walk of their list can be over: none, where
-- each list was read once.
CREATE VIEW follows AS
WITH latest AS (
    SELECT collector, kind, key, max(started_at) AS walked_at FROM base.walks WHERE complete GROUP BY ALL
), missed AS (
    SELECT f.follower_id, f.followed_id, f.platform, max(l.walked_at) AS walked_at
    FROM base.follows AS f JOIN base.walks AS w USING (walk) JOIN latest AS l USING (collector, kind, key)
    WHERE f.seen_at < l.walked_at AND w.started_at < l.walked_at GROUP BY ALL)
SELECT f.* FROM base.current_follows AS f
LEFT JOIN missed AS m USING (follower_id, followed_id, platform)
WHERE m.walked_at IS NULL OR m.walked_at <= f.last_seen;
CREATE VIEW follow_sightings AS SELECT * FROM base.follows;

-- an edge is over when a later complete walk of a list that had shown it no longer does
CREATE VIEW follow_history AS
WITH shown AS (
    SELECT DISTINCT f.follower_id, f.followed_id, f.platform, w.collector, w.kind, w.key
    FROM base.follows AS f JOIN base.walks AS w USING (walk))
SELECT f.follower_id, f.followed_id, f.platform, f.first_seen, f.last_seen,
       min(w.started_at) FILTER (w.started_at > f.last_seen) AS closed_at, f.record_id
FROM base.current_follows AS f LEFT JOIN shown AS s USING (follower_id, followed_id, platform)
LEFT JOIN base.walks AS w ON w.complete AND w.collector = s.collector AND w.kind = s.kind AND w.key = s.key
GROUP BY f.follower_id, f.followed_id, f.platform, f.first_seen, f.last_seen, f.record_id;
CREATE VIEW posts AS
SELECT * EXCLUDE (sample) FROM base.posts WHERE timeline_of IS NOT NULL AND sample IS NULL;
CREATE VIEW referenced_posts AS
SELECT * EXCLUDE (sample, timeline_of) FROM base.posts WHERE timeline_of IS NULL AND sample IS NULL;
CREATE VIEW sample_posts AS SELECT * EXCLUDE (timeline_of) FROM base.posts WHERE sample IS NOT NULL;
CREATE VIEW post_versions AS
SELECT v.* EXCLUDE (fetched_at) FROM base.post_versions AS v
JOIN base.posts AS p ON p.platform = v.platform AND p.post_id = v.post_id AND p.sample IS NOT DISTINCT FROM v.sample
QUALIFY p.text IS NULL OR count(*) OVER (PARTITION BY v.platform, v.post_id, v.sample) > 1;
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
CREATE VIEW survey_answers AS
WITH meant AS (SELECT survey, variable, unnest(codes) AS code, unnest(answers) AS answer FROM base.survey_variables)
SELECT a.survey, a.respondent, a.variable, a.code, m.answer, a.text, a.missing, a.seen_at, a.record_id
FROM base.survey_answers AS a LEFT JOIN meant AS m USING (survey, variable, code);
CREATE VIEW survey_codebook AS
WITH listed AS (
    SELECT survey, variable, unnest(codes) AS code, unnest(answers) AS answer, generate_subscripts(codes, 1) AS place
    FROM base.survey_variables
), given AS (
    SELECT survey, variable, CASE WHEN kind = 'choice' OR missing IS NOT NULL THEN code END AS code, missing,
           count(*) AS respondents
    FROM base.survey_answers JOIN base.survey_variables USING (survey, variable) GROUP BY ALL
)
SELECT survey, variable, v.ordinal, v.label, v.kind, code, l.answer, l.place,
       coalesce(g.missing, CASE WHEN list_contains(v.missing_codes, code) THEN 'user' END) AS missing,
       coalesce(g.respondents, 0) AS respondents
FROM listed AS l FULL JOIN given AS g USING (survey, variable, code)
JOIN base.survey_variables AS v USING (survey, variable);
CREATE VIEW survey_organisations AS SELECT * FROM base.survey_organisations;
CREATE VIEW absences AS SELECT * FROM base.absences;
CREATE VIEW deletions AS SELECT * FROM base.deletions;
CREATE VIEW fetches AS SELECT * FROM base.fetches;
CREATE VIEW answers AS SELECT * FROM base.answers;

-- All that the lists and posts show which the snowball read to go along a tie; wave: of the accounts they lead to.
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
    UNION ALL SELECT l.platform, 'lists', a.key, l.account_id
    FROM base.listed AS l JOIN base.answers AS a ON a.record_id = l.record_id AND a.collector = l.platform
)
SELECT DISTINCT a.platform, s.key, a.wave + 1 AS wave, a.via, a.tie
FROM shown AS s JOIN along AS a USING (platform, tie, via) WHERE s.key <> a.via;

-- All the paths that lead to a target, not only the one by which it was admitted first: every list that shows the
-- profile, every profile that links to the account. So what interrupted the collecting leaves no trace here.
CREATE VIEW discoveries AS
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
    JOIN base.answers AS l ON l.record_id = c.record_id
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
CREATE VIEW admissions AS SELECT * FROM base.admissions;
CREATE VIEW runs AS SELECT * FROM base.runs;
CREATE VIEW walks AS SELECT * FROM base.walks;
CREATE VIEW gaps AS SELECT * FROM base.gaps;
CREATE VIEW quarantine AS SELECT * FROM base.quarantine;
CREATE VIEW study AS SELECT * FROM base.study;
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

-- What changed since. A change is known by two moments: `last_seen`, when it was still as before, and `seen_at`, when
-- it was first seen otherwise; it happened between them. What is no longer shown is a change only after a walk of that
-- list that was complete and went to the very end (not only down to the mark of the walk before). Most people, accounts
-- and lists were seen in one version, or walked once: each view first leaves out those, in which nothing can have changed.

-- every walk that showed all of its list, with the list it is of; its moments hold all of its answers, though the clock
-- of the machine jumped meanwhile
CREATE VIEW full_walks AS
SELECT w.walk, w.collector, w.kind, w.key, w.started_at, greatest(w.ended_at, a.newest_at) AS ended_at, w.items
FROM base.walks AS w JOIN (
    SELECT walk, max(fetched_at) AS newest_at, bool_or(coalesce(reached, false)) AS reached
    FROM base.answers WHERE walk <> '' GROUP BY walk) AS a USING (walk)
WHERE w.complete AND NOT a.reached;
CREATE VIEW profile_changes AS
WITH seen AS (
    SELECT profile_id, unnest([
               struct_pack(field := 'name', value := name), struct_pack(field := 'headline', value := headline),
               struct_pack(field := 'description', value := description),
               struct_pack(field := 'location', value := location), struct_pack(field := 'url', value := url)]) AS f,
           first_seen, last_seen, record_id, run_id
    FROM base.profiles WHERE own AND record_id NOT IN (SELECT record_id FROM base.quarantine)
    AND profile_id IN (SELECT profile_id FROM base.current_profiles WHERE versions > 1)),
changed AS (
    SELECT profile_id, f.field AS field, lag(f.value) OVER of_field AS "before", f.value AS "after",
           lag(last_seen) OVER of_field AS last_seen, first_seen AS seen_at, record_id,
           row_number() OVER of_field AS version
    FROM seen WINDOW of_field AS (PARTITION BY profile_id, f.field ORDER BY first_seen, run_id, record_id))
SELECT * EXCLUDE (version) FROM changed WHERE version > 1 AND "before" IS DISTINCT FROM "after";
CREATE VIEW employer_changes AS
WITH seen AS (
    SELECT profile_id, content, first_seen, record_id,
           lag(content) OVER of_profile AS old, lag(last_seen) OVER of_profile AS last_seen
    FROM base.profiles WHERE own AND record_id NOT IN (SELECT record_id FROM base.quarantine)
    AND profile_id IN (SELECT profile_id FROM base.current_profiles WHERE versions > 1)
    WINDOW of_profile AS (PARTITION BY profile_id ORDER BY first_seen, run_id, record_id)),
posts AS (SELECT DISTINCT profile_id, content, employer, title FROM base.positions WHERE "current"),
moved AS (
    SELECT s.profile_id, 'began' AS change, p.employer, p.title, s.last_seen, s.first_seen AS seen_at, s.record_id
    FROM seen AS s JOIN posts AS p ON p.profile_id = s.profile_id AND p.content = s.content
    WHERE s.old <> s.content AND NOT EXISTS (
        SELECT 1 FROM posts AS o WHERE o.profile_id = s.profile_id AND o.content = s.old
        AND o.employer IS NOT DISTINCT FROM p.employer AND o.title IS NOT DISTINCT FROM p.title)
    UNION ALL
    SELECT s.profile_id, 'left', o.employer, o.title, s.last_seen, s.first_seen, s.record_id
    FROM seen AS s JOIN posts AS o ON o.profile_id = s.profile_id AND o.content = s.old
    WHERE s.old <> s.content AND NOT EXISTS (
        SELECT 1 FROM posts AS p WHERE p.profile_id = s.profile_id AND p.content = s.content
        AND o.employer IS NOT DISTINCT FROM p.employer AND o.title IS NOT DISTINCT FROM p.title))
SELECT m.profile_id, m.change, m.employer, m.title, e.organisation, e.group_name, m.last_seen, m.seen_at, m.record_id
FROM moved AS m LEFT JOIN base.employers AS e USING (employer);
CREATE VIEW account_changes AS
WITH seen AS (
    SELECT account_id, platform, unnest([
               struct_pack(field := 'handle', value := handle), struct_pack(field := 'name', value := name),
               struct_pack(field := 'description', value := description),
               struct_pack(field := 'location', value := location), struct_pack(field := 'url', value := url),
               struct_pack(field := 'verified', value := CAST(verified AS VARCHAR)),
               struct_pack(field := 'protected', value := CAST(protected AS VARCHAR))]) AS f,
           first_seen, last_seen, record_id, run_id
    FROM base.accounts WHERE account_id IN (SELECT account_id FROM base.current_accounts WHERE versions > 1)),
changed AS ( -- what an answer leaves out is not known, so it is no change
    SELECT account_id, platform, f.field AS field, lag(f.value) OVER of_account AS "before", f.value AS "after",
           lag(last_seen) OVER of_account AS last_seen, first_seen AS seen_at, record_id,
           row_number() OVER of_account AS version
    FROM seen WHERE f.value IS NOT NULL
    WINDOW of_account AS (PARTITION BY platform, account_id, f.field ORDER BY first_seen, run_id, record_id))
SELECT * EXCLUDE (version) FROM changed WHERE version > 1 AND "before" <> "after";
CREATE VIEW handle_changes AS SELECT * EXCLUDE (field) FROM account_changes WHERE field = 'handle';

-- One list's history of one edge: opened and closed in turn. A list is known by its walks; whose it is, by what it shows.
CREATE VIEW follow_changes AS
WITH sightings AS NOT MATERIALIZED (
    SELECT *, CASE listed WHEN 'following' THEN follower_id ELSE followed_id END AS owner FROM base.follows),
shown AS (
    SELECT platform, listed, owner, walk, min(seen_at) AS from_at, max(seen_at) AS to_at FROM sightings GROUP BY ALL),
lists AS (
    SELECT s.platform, s.listed, s.owner, w.collector, w.kind, w.key
    FROM shown AS s JOIN base.walks AS w USING (walk) GROUP BY ALL),
spans AS (
    SELECT platform, listed, owner, min(from_at) AS from_at, max(to_at) AS to_at FROM shown GROUP BY ALL),
walked AS ( -- with a sighting before or after them
    SELECT DISTINCT l.platform, l.listed, l.owner, f.walk, f.started_at, f.ended_at
    FROM lists AS l JOIN full_walks AS f USING (collector, kind, key) JOIN spans AS s USING (platform, listed, owner)
    WHERE s.from_at < f.started_at OR s.to_at > f.ended_at),
seen AS (
    SELECT platform, listed, follower_id, followed_id, owner, walk, seen_at, record_id,
           lead(seen_at) OVER edge AS following_at, lag(seen_at) OVER edge AS before_at
    FROM sightings SEMI JOIN walked USING (platform, listed, owner)
    WINDOW edge AS (PARTITION BY platform, listed, follower_id, followed_id ORDER BY seen_at, walk)),
closed AS ( -- the first full walk that began after a sighting and ended before the following one
    SELECT s.platform, s.follower_id, s.followed_id, s.listed, 'closed' AS change, s.seen_at AS last_seen,
           w.ended_at AS seen_at, w.walk, s.record_id, s.owner
    FROM seen AS s ASOF JOIN walked AS w
      ON s.platform = w.platform AND s.listed = w.listed AND s.owner = w.owner AND s.seen_at < w.started_at
    WHERE s.following_at IS NULL OR w.ended_at < s.following_at),
opened AS ( -- the last full walk that ended before a sighting, and after the sighting before that
    SELECT s.platform, s.follower_id, s.followed_id, s.listed, 'opened' AS change, w.started_at AS last_seen,
           s.seen_at, s.walk, s.record_id, s.owner
    FROM seen AS s ASOF JOIN walked AS w
      ON s.platform = w.platform AND s.listed = w.listed AND s.owner = w.owner AND s.seen_at > w.ended_at
    WHERE s.before_at IS NULL OR w.started_at > s.before_at),
events AS (FROM closed UNION ALL FROM opened)
SELECT b.* EXCLUDE (owner), EXISTS (
           SELECT 1 FROM base.gaps AS g JOIN lists AS l USING (collector, kind, key)
           WHERE l.platform = b.platform AND l.listed = b.listed AND l.owner = b.owner
           AND g.opened_at > b.last_seen AND g.opened_at < b.seen_at) AS gap
FROM events AS b;

-- an edited post keeps its id (Mastodon, Bluesky), or each edit is a post of its own that names the first (X)
CREATE VIEW post_edits AS
WITH edited AS (
    SELECT DISTINCT platform, edit_of FROM base.posts WHERE edit_of <> post_id AND sample IS NULL),
texts AS (
    SELECT platform, post_id, lag(text) OVER of_post AS "before", text AS "after",
           lag(last_seen) OVER of_post AS last_seen, first_seen AS seen_at, record_id
    FROM base.post_versions WHERE sample IS NULL
    WINDOW of_post AS (PARTITION BY platform, post_id, timeline_of IS NULL ORDER BY first_seen, record_id)
    UNION ALL
    SELECT p.platform, p.post_id, lag(p.text) OVER of_edit, p.text, lag(p.last_seen) OVER of_edit, p.first_seen,
           p.record_id
    FROM base.posts AS p JOIN edited AS e ON e.platform = p.platform AND e.edit_of = coalesce(p.edit_of, p.post_id)
    WHERE p.sample IS NULL
    WINDOW of_edit AS (PARTITION BY p.platform, e.edit_of, p.timeline_of IS NULL ORDER BY p.created_at, p.first_seen))
SELECT platform, post_id, "before", "after", least(last_seen, seen_at) AS last_seen, seen_at, record_id
FROM texts WHERE "before" <> "after";

-- posts that a later full walk of their timeline does not show; those reported by the platform are in `deletions`
CREATE VIEW vanished_posts AS
WITH owned AS (
    SELECT p.platform, p.post_id, p.account_id, p.created_at, p.last_seen, p.record_id, a.collector, a.kind, a.key
    FROM base.posts AS p JOIN base.answers AS a ON a.record_id = p.record_id
    WHERE p.sample IS NULL AND p.timeline_of IS NOT NULL AND a.outcome = 'done' AND a.walk <> ''
    AND EXISTS ( -- it was walked again
        SELECT 1 FROM full_walks AS w WHERE w.collector = a.collector AND w.kind = a.kind AND w.key = a.key
        AND w.started_at > a.fetched_at)
    AND NOT EXISTS ( -- edited, not gone
        SELECT 1 FROM base.posts AS n WHERE n.platform = p.platform AND n.edit_of = coalesce(p.edit_of, p.post_id)
        AND n.post_id <> p.post_id AND n.created_at > p.created_at))
SELECT o.platform, o.post_id, o.account_id, o.created_at, o.last_seen, w.ended_at AS seen_at, w.walk, d.told_at,
       o.record_id
FROM owned AS o ASOF JOIN full_walks AS w
  ON o.collector = w.collector AND o.kind = w.kind AND o.key = w.key AND o.last_seen < w.started_at
LEFT JOIN (SELECT platform, key, min(told_at) AS told_at FROM base.deletions WHERE kind = 'post' GROUP BY ALL) AS d
  ON d.platform = o.platform AND d.key = o.post_id;
CREATE VIEW changes AS
SELECT 'profile' AS what, profile_id AS id, field AS detail, "before", "after", last_seen, seen_at, record_id
FROM profile_changes
UNION ALL
SELECT 'employer', profile_id, title, CASE change WHEN 'left' THEN employer END,
       CASE change WHEN 'began' THEN employer END, last_seen, seen_at, record_id FROM employer_changes
UNION ALL
SELECT 'account', account_id, field, "before", "after", last_seen, seen_at, record_id FROM account_changes
UNION ALL
SELECT 'follow', follower_id, listed, CASE change WHEN 'closed' THEN followed_id END,
       CASE change WHEN 'opened' THEN followed_id END, last_seen, seen_at, record_id FROM follow_changes
UNION ALL
SELECT 'edit', post_id, 'text', "before", "after", last_seen, seen_at, record_id FROM post_edits
UNION ALL
SELECT 'vanished', post_id, 'post', account_id, NULL, last_seen, seen_at, record_id FROM vanished_posts;
CREATE VIEW overrides AS SELECT * FROM base.overrides;
CREATE VIEW invitations AS SELECT * FROM base.invitations;
CREATE VIEW consents AS SELECT * FROM base.consents;
CREATE VIEW participation AS SELECT * FROM base.participation;

-- A field is current if the last sighting that shows the account whole (with its counts) shows it; a website is a field.
CREATE VIEW account_fields AS
WITH whole AS (
    SELECT account_id, max(last_seen) AS shown_at FROM base.accounts WHERE followers IS NOT NULL
    AND account_id IN (SELECT account_id FROM base.account_fields) GROUP BY account_id
), shown AS (
    SELECT f.account_id, a.platform, f.name, f.value, f.url, f.verified_at, f.record_id
    FROM base.account_fields AS f JOIN base.current_accounts AS a USING (account_id)
    LEFT JOIN whole AS w USING (account_id)
    WHERE w.shown_at IS NULL OR f.last_seen >= w.shown_at)
FROM shown
UNION ALL
SELECT account_id, platform, 'website', NULL, url, NULL, record_id FROM base.current_accounts
WHERE url IS NOT NULL AND (account_id, url) NOT IN (SELECT (account_id, url) FROM shown WHERE url IS NOT NULL);
CREATE VIEW account_links AS SELECT * FROM base.account_links;
CREATE VIEW actors AS
SELECT coalesce(a.actor_id, s.subject) AS actor_id, s.subject, s.platform
FROM (SELECT profile_id AS subject, platform FROM base.current_profiles
      UNION ALL SELECT account_id, platform FROM base.current_accounts) AS s
LEFT JOIN base.actors AS a USING (subject);

-- positions are evidence unless the study says where else to look; a study without such a setting is one of positions
CREATE VIEW evidence AS
SELECT p.profile_id AS subject, f.platform, 'positions' AS source, p.rule, p.organisation, p.group_name,
       p.employer AS quote, 'current' AS stance, 1.0::DOUBLE AS confidence, 'member' AS verdict, 'rule' AS decided_by,
       p.record_id
FROM positions AS p JOIN base.current_profiles AS f USING (profile_id)
WHERE p.current AND p.group_name IS NOT NULL AND NOT EXISTS (
    FROM base.study WHERE key = 'population.from' AND NOT json_contains(value, '"positions"'))
UNION ALL BY NAME FROM base.evidence;
CREATE VIEW listed AS
SELECT platform, list_id, account_id, arg_max(position, (last_seen, walk)) AS position, min(first_seen) AS first_seen,
       max(last_seen) AS last_seen, arg_max(record_id, (last_seen, walk)) AS record_id
FROM base.listed GROUP BY ALL;
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
-- Whether the page of each address was read, and what it said when it was read last: nothing if its site has opted out since.
CREATE VIEW document_pages AS
WITH asked AS (
    SELECT d.address, arg_max(if(a.outcome = 'done', 'read', coalesce(a.why, a.outcome)), (a.fetched_at, a.record_id)) AS said,
           arg_max(a.key, (a.fetched_at, a.record_id)) AS key, max(a.fetched_at) AS asked_at
    FROM base.answers AS a JOIN base.kinds AS k USING (collector, kind)
    JOIN (SELECT DISTINCT address, url FROM base.documents) AS d ON d.url = a.key
    WHERE k.names = 'document' GROUP BY d.address
), why AS (SELECT key, reason AS said, arg_max(detail, last_seen) AS detail FROM base.absences GROUP BY ALL
), newest AS (FROM base.document_pages QUALIFY row_number() OVER (PARTITION BY address ORDER BY last_seen DESC, content) = 1)
SELECT a.address, if(a.said = 'read' AND p.address IS NULL, 'empty', a.said) AS outcome, w.detail, a.asked_at,
       p.url, p.title, p.source, p.published_at, p.language, p.text, p.last_seen, p.record_id
FROM asked AS a LEFT JOIN why AS w USING (key, said)
LEFT JOIN newest AS p ON p.address = a.address AND a.said NOT IN ('opted-out', 'robots');
-- Addresses with one text are one document: the text of the page, or title and text as an interface gives them. Each
-- text is a key; keys that share an address belong together. Two short texts may be the same by chance, and the same text
-- under several titles of one site is a notice: neither is a key.
CREATE VIEW document_finds AS
WITH RECURSIVE titled AS (
    SELECT p.digest, p.platform, p.address, min(lower(d.title)) AS title
    FROM base.document_pages AS p JOIN base.documents AS d USING (address) GROUP BY ALL
), notices AS (SELECT digest FROM titled GROUP BY digest, platform HAVING count(DISTINCT title) > 2
), texts AS (
    SELECT address, digest AS text FROM base.documents WHERE digest IS NOT NULL
    UNION SELECT address, digest FROM base.document_pages SEMI JOIN base.documents USING (address)
    ANTI JOIN notices USING (digest)
    ANTI JOIN (FROM document_pages WHERE outcome IN ('opted-out', 'robots')) USING (address) WHERE digest IS NOT NULL
), pairs AS (SELECT address, min(address) OVER (PARTITION BY text) AS other FROM texts
), edges AS (FROM pairs UNION SELECT other, address FROM pairs UNION SELECT address, address FROM pairs
), known(address, document) USING KEY (address) AS (  -- FastSV: connected components in about log(n) rounds
    SELECT DISTINCT address, address FROM base.documents
    UNION SELECT p.address, min(p.document) FROM (
        SELECT unnest([e.address, a.document]) AS address, c.document FROM edges AS e
        JOIN recurring.known AS a ON a.address = e.address JOIN recurring.known AS b ON b.address = e.other
        JOIN recurring.known AS c ON c.address = b.document) AS p
    JOIN recurring.known AS now ON now.address = p.address WHERE p.document < now.document GROUP BY p.address
)
SELECT k.document, d.query, d.version, d.address, arg_max(d.url, (d.last_seen, d.content)) AS url,
       min(d.first_seen) AS first_seen, max(d.last_seen) AS last_seen,
       arg_min(d.record_id, (d.first_seen, d.record_id)) AS record_id
FROM base.documents AS d JOIN known AS k USING (address) GROUP BY k.document, d.query, d.version, d.address;
CREATE VIEW documents AS
WITH found AS (
    FROM base.documents JOIN (SELECT DISTINCT address, document FROM document_finds) USING (address)
), pages AS (
    SELECT f.document, arg_max(p.title, (p.title IS NOT NULL, p.last_seen, p.address)) AS title,
           arg_max(p.source, (p.source IS NOT NULL, p.last_seen, p.address)) AS source, min(p.published_at) AS published_at,
           arg_max(p.language, (p.language IS NOT NULL, p.last_seen, p.address)) AS language,
           arg_max(p.text, (length(coalesce(p.text, '')), p.last_seen, p.address)) AS text,
           arg_max(p.outcome, (p.outcome = 'read', p.asked_at, p.address)) AS outcome
    FROM document_pages AS p JOIN (SELECT DISTINCT address, document FROM document_finds) AS f USING (address) GROUP BY 1
)
SELECT f.document, coalesce(arg_max(f.title, (f.title IS NOT NULL, f.last_seen, f.content)), any_value(p.title)) AS title,
       coalesce(arg_max(f.source, (f.source IS NOT NULL, f.last_seen, f.content)), any_value(p.source)) AS source,
       arg_min(f.platform, f.address) AS platform, coalesce(min(f.published_at), any_value(p.published_at)) AS published_at,
       arg_max(f.summary, (length(coalesce(f.summary, '')), f.last_seen, f.content)) AS summary,
       any_value(p.outcome) AS page, any_value(p.language) AS language, any_value(p.text) AS text,
       list_sort(list(DISTINCT f.address)) AS addresses, list_sort(list(DISTINCT f.query || '/' || f.version)) AS queries,
       min(f.first_seen) AS first_seen, max(f.last_seen) AS last_seen,
       arg_min(f.record_id, (f.first_seen, f.record_id)) AS record_id
FROM found AS f LEFT JOIN pages AS p USING (document) GROUP BY f.document;
CREATE VIEW searches AS
WITH asked AS (
    SELECT regexp_extract(a.key, '^(.*)/(\d+)[?]', 1) AS query,
           TRY_CAST(regexp_extract(a.key, '^(.*)/(\d+)[?]', 2) AS INTEGER) AS version, a.*
    FROM base.answers AS a JOIN base.kinds AS k USING (collector, kind) WHERE k.names = 'search')
SELECT a.query, a.version, a.kind, nullif(url_decode(regexp_extract(a.key, '[?&]q=([^&]*)', 1)), '') AS words,
       nullif(url_decode(regexp_extract(a.key, '[?&]at=([^&]*)', 1)), '') AS address, count(DISTINCT a.record_id) AS requests,
       coalesce(sum(a.items), 0)::BIGINT AS hits,
       (SELECT count(DISTINCT document) FROM document_finds AS f WHERE f.query = a.query AND f.version = a.version)
           AS documents,
       min(a.fetched_at) AS first_asked, max(a.fetched_at) AS last_asked
FROM asked AS a GROUP BY a.query, a.version, a.kind, a.key;
-- any address of a document may stand in the file; of two lines about one document a coder's later one holds
CREATE VIEW screenings AS
FROM (
    SELECT coalesce(f.document, s.document) AS document, s.decision, s.reason, s.decided_by, s.decided_at
    FROM base.screenings AS s
    LEFT JOIN (SELECT DISTINCT address, document FROM document_finds) AS f ON f.address = s.document
    QUALIFY row_number() OVER (PARTITION BY coalesce(f.document, s.document), s.decided_by
                               ORDER BY s.decided_at DESC, s.document) = 1)
WHERE decision <> 'undecided';
CREATE VIEW observations AS FROM base.observations;
CREATE VIEW screened AS
SELECT document, CASE WHEN count(*) FILTER (decided_by = 'consensus') > 0
                      THEN any_value(decision) FILTER (decided_by = 'consensus')
                      WHEN count(DISTINCT decision) = 1 THEN any_value(decision) ELSE 'disputed' END AS verdict,
       coalesce(any_value(reason) FILTER (decided_by = 'consensus'), arg_max(reason, (decided_at, decided_by))) AS reason,
       count(*) FILTER (decided_by <> 'consensus') AS coders, max(decided_at) AS decided_at
FROM screenings WHERE document IN (SELECT document FROM documents) GROUP BY document;
