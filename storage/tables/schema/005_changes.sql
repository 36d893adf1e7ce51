-- What changed since. A change is known by two moments: `last_seen`, when it was still as before, and `seen_at`, when
-- it was first seen otherwise; it happened between them. What is no longer shown is a change only after a walk of that
-- list that was complete and went to the very end (not only down to the mark of the walk before).

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
    FROM base.profiles WHERE own AND record_id NOT IN (SELECT record_id FROM base.quarantine)),
changed AS (
    SELECT profile_id, f.field AS field, lag(f.value) OVER before AS "before", f.value AS "after",
           lag(last_seen) OVER before AS last_seen, first_seen AS seen_at, record_id,
           row_number() OVER before AS version
    FROM seen WINDOW before AS (PARTITION BY profile_id, f.field ORDER BY first_seen, run_id, record_id))
SELECT * EXCLUDE (version) FROM changed WHERE version > 1 AND "before" IS DISTINCT FROM "after";

CREATE VIEW employer_changes AS
WITH seen AS (
    SELECT profile_id, content, first_seen, record_id,
           lag(content) OVER before AS old, lag(last_seen) OVER before AS last_seen
    FROM base.profiles WHERE own AND record_id NOT IN (SELECT record_id FROM base.quarantine)
    WINDOW before AS (PARTITION BY profile_id ORDER BY first_seen, run_id, record_id)),
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
    FROM base.accounts),
changed AS ( -- what an answer leaves out is not known, so it is no change
    SELECT account_id, platform, f.field AS field, lag(f.value) OVER before AS "before", f.value AS "after",
           lag(last_seen) OVER before AS last_seen, first_seen AS seen_at, record_id,
           row_number() OVER before AS version
    FROM seen WHERE f.value IS NOT NULL
    WINDOW before AS (PARTITION BY platform, account_id, f.field ORDER BY first_seen, run_id, record_id))
SELECT * EXCLUDE (version) FROM changed WHERE version > 1 AND "before" <> "after";

CREATE VIEW handle_changes AS SELECT * EXCLUDE (field) FROM account_changes WHERE field = 'handle';

-- One list's history of one edge: opened and closed in turn. A list is known by its walks; whose it is, by what it shows.
CREATE VIEW follow_changes AS
WITH lists AS (
    SELECT DISTINCT f.platform, f.listed,
           CASE f.listed WHEN 'following' THEN f.follower_id ELSE f.followed_id END AS owner,
           w.collector, w.kind, w.key
    FROM base.follows AS f JOIN base.walks AS w USING (walk)),
walked AS (
    SELECT DISTINCT l.platform, l.listed, l.owner, f.walk, f.started_at, f.ended_at
    FROM lists AS l JOIN full_walks AS f USING (collector, kind, key)),
seen AS (
    SELECT platform, listed, follower_id, followed_id,
           CASE listed WHEN 'following' THEN follower_id ELSE followed_id END AS owner,
           walk, seen_at, record_id,
           lead(seen_at) OVER edge AS following_at, lag(seen_at) OVER edge AS before_at
    FROM base.follows
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
    SELECT platform, post_id, lag(text) OVER before AS "before", text AS "after",
           lag(last_seen) OVER before AS last_seen, first_seen AS seen_at, record_id
    FROM base.post_versions WHERE sample IS NULL
    WINDOW before AS (PARTITION BY platform, post_id, timeline_of IS NULL ORDER BY first_seen, record_id)
    UNION ALL
    SELECT p.platform, p.post_id, lag(p.text) OVER before, p.text, lag(p.last_seen) OVER before, p.first_seen,
           p.record_id
    FROM base.posts AS p JOIN edited AS e ON e.platform = p.platform AND e.edit_of = coalesce(p.edit_of, p.post_id)
    WHERE p.sample IS NULL
    WINDOW before AS (PARTITION BY p.platform, e.edit_of, p.timeline_of IS NULL ORDER BY p.created_at, p.first_seen))
SELECT platform, post_id, "before", "after", least(last_seen, seen_at) AS last_seen, seen_at, record_id
FROM texts WHERE "before" <> "after";

-- posts that a later full walk of their timeline does not show; those the platform told of are in `deletions`
CREATE VIEW vanished_posts AS
WITH owned AS (
    SELECT p.platform, p.post_id, p.account_id, p.created_at, p.last_seen, p.record_id, a.collector, a.kind, a.key
    FROM base.posts AS p JOIN base.answers AS a ON a.record_id = p.record_id
    WHERE p.sample IS NULL AND p.timeline_of IS NOT NULL AND a.outcome = 'done' AND a.walk <> ''
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

-- the data dictionary of 005's views
COMMENT ON VIEW full_walks IS 'Walks that showed all of their list: complete, and to its very end.';
COMMENT ON COLUMN full_walks."walk" IS 'name of the walk';
COMMENT ON COLUMN full_walks."collector" IS 'name of the collector';
COMMENT ON COLUMN full_walks."kind" IS 'kind of the list';
COMMENT ON COLUMN full_walks."key" IS 'key of the list';
COMMENT ON COLUMN full_walks."started_at" IS 'when the walk began';
COMMENT ON COLUMN full_walks."ended_at" IS 'when it ended';
COMMENT ON COLUMN full_walks."items" IS 'things it showed';

COMMENT ON VIEW profile_changes IS 'What changed on a profile''s own page, one row a field and change.';
COMMENT ON COLUMN profile_changes."profile_id" IS 'the profile: its canonical URL, or the platform''s own id';
COMMENT ON COLUMN profile_changes."field" IS 'what changed: a column of `profiles` or `accounts`';
COMMENT ON COLUMN profile_changes."before" IS 'what it was';
COMMENT ON COLUMN profile_changes."after" IS 'what it is then';
COMMENT ON COLUMN profile_changes."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN profile_changes."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN profile_changes."record_id" IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW employer_changes IS 'Current positions that began or were left, by two successive pages of a profile.';
COMMENT ON COLUMN employer_changes."profile_id" IS 'the profile: its canonical URL, or the platform''s own id';
COMMENT ON COLUMN employer_changes."change" IS 'began or left';
COMMENT ON COLUMN employer_changes."employer" IS 'employer as written';
COMMENT ON COLUMN employer_changes."title" IS 'title as written';
COMMENT ON COLUMN employer_changes."organisation" IS 'organisation of the study, if it is one';
COMMENT ON COLUMN employer_changes."group_name" IS 'its group';
COMMENT ON COLUMN employer_changes."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN employer_changes."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN employer_changes."record_id" IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW account_changes IS 'What changed on an account, one row a field and change; what an answer leaves out is no change.';
COMMENT ON COLUMN account_changes."account_id" IS 'the account: the platform''s own id';
COMMENT ON COLUMN account_changes."platform" IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN account_changes."field" IS 'what changed: a column of `profiles` or `accounts`';
COMMENT ON COLUMN account_changes."before" IS 'what it was';
COMMENT ON COLUMN account_changes."after" IS 'what it is then';
COMMENT ON COLUMN account_changes."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN account_changes."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN account_changes."record_id" IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW handle_changes IS 'Accounts that were renamed.';
COMMENT ON COLUMN handle_changes."account_id" IS 'the account: the platform''s own id';
COMMENT ON COLUMN handle_changes."platform" IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN handle_changes."before" IS 'what it was';
COMMENT ON COLUMN handle_changes."after" IS 'what it is then';
COMMENT ON COLUMN handle_changes."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN handle_changes."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN handle_changes."record_id" IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW follow_changes IS 'Edges that opened or closed, by one list''s full walks: an edge is closed only by a later full walk of that list that does not show it, and opened only after a full walk that did not show it yet.';
COMMENT ON COLUMN follow_changes."platform" IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN follow_changes."follower_id" IS 'who follows';
COMMENT ON COLUMN follow_changes."followed_id" IS 'who is followed';
COMMENT ON COLUMN follow_changes."listed" IS 'whose list: following (the follower''s) or followers (the followed''s)';
COMMENT ON COLUMN follow_changes."change" IS 'opened or closed';
COMMENT ON COLUMN follow_changes."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN follow_changes."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN follow_changes."walk" IS 'the walk that first showed it, or the full walk that did not';
COMMENT ON COLUMN follow_changes."record_id" IS 'WARC-Record-ID of the answer that showed the edge (last, if it closed)';
COMMENT ON COLUMN follow_changes."gap" IS 'whether a walk of this list failed between the two moments';

COMMENT ON VIEW post_edits IS 'Posts whose text changed between two sightings; on X an edit is a post of its own.';
COMMENT ON COLUMN post_edits."platform" IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN post_edits."post_id" IS 'the post';
COMMENT ON COLUMN post_edits."before" IS 'what it was';
COMMENT ON COLUMN post_edits."after" IS 'what it is then';
COMMENT ON COLUMN post_edits."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN post_edits."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN post_edits."record_id" IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW vanished_posts IS 'Posts that a later full walk of their timeline does not show any more.';
COMMENT ON COLUMN vanished_posts."platform" IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN vanished_posts."post_id" IS 'the post';
COMMENT ON COLUMN vanished_posts."account_id" IS 'the account: the platform''s own id';
COMMENT ON COLUMN vanished_posts."created_at" IS 'when it was posted';
COMMENT ON COLUMN vanished_posts."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN vanished_posts."seen_at" IS 'when a full walk without it ended';
COMMENT ON COLUMN vanished_posts."walk" IS 'the first full walk without it';
COMMENT ON COLUMN vanished_posts."told_at" IS 'when the platform said that it was deleted, if it did';
COMMENT ON COLUMN vanished_posts."record_id" IS 'WARC-Record-ID of the answer that showed the post last';

COMMENT ON VIEW changes IS 'All of what changed, in one form: select by `what` and by `seen_at`.';
COMMENT ON COLUMN changes."what" IS 'profile, employer, account, follow, edit or vanished';
COMMENT ON COLUMN changes."id" IS 'the profile, account, follower or post';
COMMENT ON COLUMN changes."detail" IS 'which field, title or list';
COMMENT ON COLUMN changes."before" IS 'what it was';
COMMENT ON COLUMN changes."after" IS 'what it is then';
COMMENT ON COLUMN changes."last_seen" IS 'when it was last known as before';
COMMENT ON COLUMN changes."seen_at" IS 'when it was first known otherwise; it changed between the two';
COMMENT ON COLUMN changes."record_id" IS 'WARC-Record-ID of the answer that the row came from';
