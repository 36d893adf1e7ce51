-- Who is one person, and what shows that somebody belongs to an organisation of the study.

-- what a profile's own fields say; verified_at: when the server last saw the page link back
CREATE TABLE base.account_fields (
    account_id VARCHAR, name VARCHAR, value VARCHAR, url VARCHAR, verified_at TIMESTAMPTZ,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);
-- what each distinct text says (digest: its hash; at: the place in it), by a list of organisations and a reader of bios
CREATE TABLE base.readings (
    digest VARCHAR, "at" INTEGER, organisation VARCHAR, group_name VARCHAR, quote VARCHAR, rule VARCHAR,
    stance VARCHAR, confidence DOUBLE, verdict VARCHAR);
CREATE TABLE base.readings_made_from (fingerprint VARCHAR);
-- the addresses that accounts show, read once: whose page each is, if it is an account's
CREATE TABLE base.address_readings (url VARCHAR, platform VARCHAR, handle VARCHAR);
-- what shows or denies a membership, positions left out (the view adds them); filled by link
CREATE TABLE base.evidence (
    subject VARCHAR, platform VARCHAR, source VARCHAR, rule VARCHAR, organisation VARCHAR, group_name VARCHAR,
    quote VARCHAR, stance VARCHAR, confidence DOUBLE, verdict VARCHAR, decided_by VARCHAR, record_id VARCHAR);
-- two accounts of one person, the lesser id first
CREATE TABLE base.account_links (
    account_id VARCHAR, other_id VARCHAR, rule VARCHAR, evidence VARCHAR, confidence DOUBLE, decision VARCHAR,
    decided_by VARCHAR, record_id VARCHAR);
-- the actor of each subject that is joined with another; every other subject is an actor by itself
CREATE TABLE base.actors (subject VARCHAR, actor_id VARCHAR);

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

CREATE OR REPLACE VIEW memberships AS
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
       arg_max(k.source, (k.confidence, k.source)) AS source, arg_max(k.rule, (k.confidence, k.source)) AS rule,
       max(k.confidence) AS confidence, min(k.record_id) AS record_id
FROM kept AS k LEFT JOIN base.current_profiles AS p ON p.profile_id = k.actor_id
GROUP BY k.actor_id, k.group_name
QUALIFY k.group_name IS NOT NULL OR count(*) OVER (PARTITION BY k.actor_id) = 1;

CREATE OR REPLACE VIEW members AS
SELECT m.actor_id, any_value(m.profile_id) AS profile_id, any_value(coalesce(f.name, a.name)) AS name,
       list(m.group_name ORDER BY m.group_name) FILTER (m.group_name IS NOT NULL) AS group_names, min(m.group_name) AS group_name,
       arg_min(m.organisation, m.group_name) AS organisation, arg_min(m.employer, m.group_name) AS employer,
       arg_min(m.title, m.group_name) AS title, any_value(coalesce(f.location, a.location)) AS location,
       any_value(coalesce(f.url, a.url)) AS url, any_value(coalesce(f.record_id, a.record_id)) AS record_id
FROM memberships AS m LEFT JOIN base.current_profiles AS f ON f.profile_id = m.actor_id
LEFT JOIN base.current_accounts AS a ON a.account_id = m.actor_id GROUP BY m.actor_id;

COMMENT ON VIEW account_fields IS 'What the fields of an account''s own profile say now (its website, where the platform has no fields).';
COMMENT ON COLUMN account_fields.account_id IS 'the account: the platform''s own id';
COMMENT ON COLUMN account_fields.platform IS 'x, mastodon, bluesky ...';
COMMENT ON COLUMN account_fields.name IS 'name of the field as written; website for the one link of a profile';
COMMENT ON COLUMN account_fields.value IS 'its text';
COMMENT ON COLUMN account_fields.url IS 'the first address in it';
COMMENT ON COLUMN account_fields.verified_at IS 'when the server saw that the page links back to the account (rel=me); none: it did not';
COMMENT ON COLUMN account_fields.record_id IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW account_links IS 'Two accounts of one person, by their own words: accepted where both say so or a server verified it, else proposed.';
COMMENT ON COLUMN account_links.account_id IS 'the account with the lesser id';
COMMENT ON COLUMN account_links.other_id IS 'the other account';
COMMENT ON COLUMN account_links.rule IS 'both-ways, verified, moved, one-way, or by hand';
COMMENT ON COLUMN account_links.evidence IS 'the address or words that say so';
COMMENT ON COLUMN account_links.confidence IS 'between 0 and 1';
COMMENT ON COLUMN account_links.decision IS 'accepted, proposed (waits for a person) or rejected';
COMMENT ON COLUMN account_links.decided_by IS 'rule, or who decided by hand';
COMMENT ON COLUMN account_links.record_id IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW actors IS 'Whose each profile and account is: those joined by accepted links are one actor, every other one is an actor by itself.';
COMMENT ON COLUMN actors.actor_id IS 'the least profile_id of those joined; the least account_id, where no profile is among them';
COMMENT ON COLUMN actors.subject IS 'the profile_id or account_id';
COMMENT ON COLUMN actors.platform IS 'x, mastodon, bluesky ...; for profiles the site';

COMMENT ON VIEW evidence IS 'What shows that a profile or account belongs to an organisation of the study, or does not: one row a piece of evidence, from the sources of [population] from.';
COMMENT ON COLUMN evidence.subject IS 'the profile_id or account_id';
COMMENT ON COLUMN evidence.platform IS 'x, mastodon, bluesky ...; for profiles the site';
COMMENT ON COLUMN evidence.source IS 'positions, bio, fields, links, domain, list or decisions';
COMMENT ON COLUMN evidence.rule IS 'the rule that read it (docs/membership.md)';
COMMENT ON COLUMN evidence.organisation IS 'organisation of the study; none for a decision about all of them';
COMMENT ON COLUMN evidence.group_name IS 'its group';
COMMENT ON COLUMN evidence.quote IS 'the words, address or note that say so';
COMMENT ON COLUMN evidence.stance IS 'current, former, hopeful, student, hired, supplier, about-others, ironic ...';
COMMENT ON COLUMN evidence.confidence IS 'that the subject is a member now, between 0 and 1';
COMMENT ON COLUMN evidence.verdict IS 'member, review (waits for a person) or none';
COMMENT ON COLUMN evidence.decided_by IS 'rule, or who decided by hand';
COMMENT ON COLUMN evidence.record_id IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW memberships IS 'One row per member and group of the study, from all evidence that makes members; a decision by hand wins.';
COMMENT ON COLUMN memberships.actor_id IS 'the member (`actors`)';
COMMENT ON COLUMN memberships.profile_id IS 'the member''s profile; none, if only accounts are known';
COMMENT ON COLUMN memberships.group_name IS 'group it counts for; none, if a list that names no group is all that shows it';
COMMENT ON COLUMN memberships.organisation IS 'the organisation (the first by name, if several of one group)';
COMMENT ON COLUMN memberships.employer IS 'the employer as written on a profile (the first by name, if several)';
COMMENT ON COLUMN memberships.title IS 'title of the first such job on the page';
COMMENT ON COLUMN memberships.source IS 'source of the strongest evidence (`evidence`)';
COMMENT ON COLUMN memberships.rule IS 'rule of the strongest evidence';
COMMENT ON COLUMN memberships.confidence IS 'confidence of the strongest evidence';
COMMENT ON COLUMN memberships.record_id IS 'WARC-Record-ID of the answer that the row came from';

COMMENT ON VIEW members IS 'Actors who belong to an organisation of the study: one row a person, whatever the number of profiles and accounts.';
COMMENT ON COLUMN members.actor_id IS 'the member (`actors`)';
COMMENT ON COLUMN members.profile_id IS 'the member''s profile; none, if only accounts are known';
COMMENT ON COLUMN members.name IS 'name as shown';
COMMENT ON COLUMN members.group_names IS 'all groups, if there are several';
COMMENT ON COLUMN members.group_name IS 'the first of them by name';
COMMENT ON COLUMN members.organisation IS 'organisation of the study';
COMMENT ON COLUMN members.employer IS 'employer as written on the profile';
COMMENT ON COLUMN members.title IS 'title of the job';
COMMENT ON COLUMN members.location IS 'place as given, not checked';
COMMENT ON COLUMN members.url IS 'address of the profile';
COMMENT ON COLUMN members.record_id IS 'WARC-Record-ID of the answer that the row came from';
