-- Tables that load fills. Users query the views. No keys or indexes: duplicates are removed by load.
-- Every table with a record_id leads to the WARC record it came from; moments are UTC.
CREATE SCHEMA base;

-- how far each segment was read; damage is the first place in it that could not be read
CREATE TABLE base.archives (archive VARCHAR, bytes BIGINT, entries BIGINT, newest_at TIMESTAMPTZ, damage VARCHAR);
CREATE TABLE base.made_from (fingerprint VARCHAR); -- of settings, organisations, decisions


-- run starts and ends, admissions, gaps, walk ends: as noted; runs, gaps and admissions are made from these
CREATE TABLE base.notes (record_id VARCHAR, kind VARCHAR, noted_at TIMESTAMPTZ, data JSON);

-- requests and answers: one row per answer or failure; one row per target it answers
CREATE TABLE base.fetches (
    record_id VARCHAR, collector VARCHAR, kind VARCHAR, run_id VARCHAR, url VARCHAR, status INTEGER,
    failure VARCHAR, detail VARCHAR, fetched_at TIMESTAMPTZ, bytes BIGINT, targets INTEGER, archive VARCHAR);
CREATE TABLE base.answers (
    record_id VARCHAR, collector VARCHAR, kind VARCHAR, key VARCHAR, "cursor" VARCHAR, walk VARCHAR,
    wave INTEGER, via VARCHAR, since VARCHAR, run_id VARCHAR, outcome VARCHAR, why VARCHAR, items BIGINT,
    next_cursor VARCHAR, complete BOOLEAN, reached BOOLEAN, newest VARCHAR, until TIMESTAMPTZ,
    fetched_at TIMESTAMPTZ);
CREATE TABLE base.runs (
    run_id VARCHAR, collector VARCHAR, started_at TIMESTAMPTZ, ended_at TIMESTAMPTZ, status VARCHAR,
    reason VARCHAR, version VARCHAR, settings JSON);
CREATE TABLE base.walks (
    walk VARCHAR, collector VARCHAR, kind VARCHAR, key VARCHAR, run_id VARCHAR, started_at TIMESTAMPTZ,
    ended_at TIMESTAMPTZ, pages BIGINT, items BIGINT, ended BOOLEAN, complete BOOLEAN, why VARCHAR,
    newest VARCHAR, since VARCHAR);
CREATE TABLE base.gaps (
    collector VARCHAR, kind VARCHAR, key VARCHAR, walk VARCHAR, "cursor" VARCHAR, until_id VARCHAR,
    low_water VARCHAR, why VARCHAR, opened_at TIMESTAMPTZ, closed_at TIMESTAMPTZ);
CREATE TABLE base.admissions (
    collector VARCHAR, kind VARCHAR, key VARCHAR, wave INTEGER, via VARCHAR, rule VARCHAR, admitted_at TIMESTAMPTZ);
CREATE TABLE base.quarantine (
    record_id VARCHAR, collector VARCHAR, kind VARCHAR, key VARCHAR, place VARCHAR, reason VARCHAR,
    excerpt VARCHAR, fetched_at TIMESTAMPTZ);
CREATE TABLE base.absences (
    platform VARCHAR, kind VARCHAR, key VARCHAR, reason VARCHAR, detail VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.deletions (
    platform VARCHAR, kind VARCHAR, key VARCHAR, reason VARCHAR, told_at TIMESTAMPTZ,
    seen_at TIMESTAMPTZ, record_id VARCHAR);

-- profiles: a row per content and run that saw it; base.positions, base.profile_links and
-- base.profile_details hang on the content.
-- own: the page was the profile's own, not a list that shows it
CREATE TABLE base.profiles (
    profile_id VARCHAR, content VARCHAR, run_id VARCHAR, own BOOLEAN, platform VARCHAR, url VARCHAR, name VARCHAR,
    headline VARCHAR, description VARCHAR, location VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.positions (
    profile_id VARCHAR, content VARCHAR, ordinal INTEGER, employer VARCHAR, title VARCHAR,
    started VARCHAR, ended VARCHAR, current BOOLEAN);
CREATE TABLE base.profile_links (profile_id VARCHAR, content VARCHAR, url VARCHAR, rel VARCHAR);
CREATE TABLE base.profile_details (
    profile_id VARCHAR, content VARCHAR, domain VARCHAR, ordinal INTEGER, fields JSON);
CREATE TABLE base.connections (
    profile_id VARCHAR, other_id VARCHAR, connected_on VARCHAR, walk VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);

-- accounts: the same, a row per content and run; the counts are those of the sighting at counted_at
CREATE TABLE base.accounts (
    account_id VARCHAR, content VARCHAR, run_id VARCHAR, platform VARCHAR, handle VARCHAR, name VARCHAR,
    description VARCHAR, location VARCHAR, url VARCHAR, verified BOOLEAN, protected BOOLEAN,
    created_at TIMESTAMPTZ, followers BIGINT, following BIGINT, posts BIGINT, flags VARCHAR[],
    counted_at TIMESTAMPTZ, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);

-- a row per edge and walk that showed it
CREATE TABLE base.follows (
    platform VARCHAR, follower_id VARCHAR, followed_id VARCHAR, listed VARCHAR, walk VARCHAR,
    seen_at TIMESTAMPTZ, record_id VARCHAR, followed_at TIMESTAMPTZ);

-- posts: one row a post and set (timelines and references together; comparison sets apart)
CREATE TABLE base.posts (
    post_id VARCHAR, platform VARCHAR, account_id VARCHAR, created_at TIMESTAMPTZ, text VARCHAR,
    timeline_of VARCHAR, kind VARCHAR, full_text VARCHAR, lang VARCHAR, hashtags VARCHAR[],
    mentions STRUCT(handle VARCHAR, account_id VARCHAR)[], urls VARCHAR[], full_hashtags VARCHAR[],
    full_mentions STRUCT(handle VARCHAR, account_id VARCHAR)[], conversation_id VARCHAR,
    reply_to_post VARCHAR, reply_to_account VARCHAR, quoted_post VARCHAR, retweeted_post VARCHAR,
    retweeted_account VARCHAR, likes BIGINT, reposts BIGINT, replies BIGINT, source VARCHAR, place VARCHAR,
    longitude DOUBLE, latitude DOUBLE, edit_of VARCHAR, indexed_at TIMESTAMPTZ, sample VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, fetched_at TIMESTAMPTZ, record_id VARCHAR);

-- only posts that were not always seen with the same text, or without one: a row a text
CREATE TABLE base.post_versions (
    post_id VARCHAR, platform VARCHAR, sample VARCHAR, text VARCHAR, full_text VARCHAR, timeline_of VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, fetched_at TIMESTAMPTZ, record_id VARCHAR);

-- the current state, one row a key, kept by load so that no query has to find it among the versions
CREATE TABLE base.current_profiles (
    profile_id VARCHAR, platform VARCHAR, url VARCHAR, name VARCHAR, headline VARCHAR, description VARCHAR,
    location VARCHAR, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, versions BIGINT, record_id VARCHAR,
    content VARCHAR);
CREATE TABLE base.current_accounts (
    account_id VARCHAR, platform VARCHAR, handle VARCHAR, name VARCHAR, description VARCHAR, location VARCHAR,
    url VARCHAR, verified BOOLEAN, protected BOOLEAN, created_at TIMESTAMPTZ, followers BIGINT, following BIGINT,
    posts BIGINT, flags VARCHAR[], first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, versions BIGINT,
    record_id VARCHAR);
CREATE TABLE base.current_connections (
    profile_a VARCHAR, profile_b VARCHAR, connected_on VARCHAR, lists BIGINT, first_seen TIMESTAMPTZ,
    last_seen TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.current_follows (
    follower_id VARCHAR, followed_id VARCHAR, platform VARCHAR, first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ,
    record_id VARCHAR, followed_at TIMESTAMPTZ);

-- the links on profiles that name an account somewhere
CREATE TABLE base.link_handles (url VARCHAR, platform VARCHAR, handle VARCHAR);

-- the study: organisations, who belongs to them, and which account is whose (filled by link)
CREATE TABLE base.organisations (
    organisation VARCHAR, group_name VARCHAR, name VARCHAR, abbreviation VARCHAR, kind VARCHAR,
    started VARCHAR, ended VARCHAR, published_profiles BIGINT, published_accounts BIGINT);
CREATE TABLE base.register (
    organisation_id VARCHAR, name VARCHAR, abbreviation VARCHAR, kind VARCHAR, parent_id VARCHAR,
    group_name VARCHAR, ended VARCHAR, seen_at TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.offices (
    organisation_id VARCHAR, "function" VARCHAR, name VARCHAR, started VARCHAR, ended VARCHAR,
    seen_at TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.employers (employer VARCHAR, organisation VARCHAR, group_name VARCHAR, rule VARCHAR);
CREATE TABLE base.links (
    profile_id VARCHAR, account_id VARCHAR, platform VARCHAR, handle VARCHAR, rule VARCHAR, evidence VARCHAR,
    confidence DOUBLE, decided_by VARCHAR, decision VARCHAR, decided_at TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.study (key VARCHAR, value JSON);

-- What was removed and why, without what it was; and who asked to be left alone.
CREATE TABLE base.removed (removed_at TIMESTAMPTZ, platform VARCHAR, kind VARCHAR, token VARCHAR, reason VARCHAR);

-- Opt-outs that were not honoured, and why, from the settings of the runs.
CREATE TABLE base.overrides (
    rule VARCHAR, collector VARCHAR, reason VARCHAR, since TIMESTAMPTZ, until TIMESTAMPTZ, runs BIGINT);

-- Who was invited and what they agreed to, by pseudonym, from notes; and their numbers.
CREATE TABLE base.invitations (person VARCHAR, invited_at TIMESTAMPTZ, expires_at TIMESTAMPTZ, revoked_at TIMESTAMPTZ);
CREATE TABLE base.consents (
    consent VARCHAR, person VARCHAR, collector VARCHAR, covers VARCHAR, version VARCHAR, language VARCHAR,
    given_at TIMESTAMPTZ, withdrawn_at TIMESTAMPTZ);
CREATE TABLE base.participation (kind VARCHAR, collector VARCHAR, people BIGINT);

-- What the kinds of the installed collectors are, as they declare it: rules and views ask for that, not for a kind's name.
CREATE TABLE base.kinds (collector VARCHAR, kind VARCHAR, names VARCHAR, yields VARCHAR);

-- Accounts of one person, and evidence of membership in organisations of the study.

-- what a profile's own fields say; verified_at: when the server last saw the page link back
CREATE TABLE base.account_fields (
    account_id VARCHAR, name VARCHAR, value VARCHAR, url VARCHAR, verified_at TIMESTAMPTZ,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);

-- what each distinct text says (digest: its hash; at: the place in it), by a list of organisations and a reader of bios
CREATE TABLE base.readings (
    digest VARCHAR, "at" INTEGER, organisation VARCHAR, group_name VARCHAR, quote VARCHAR, rule VARCHAR,
    stance VARCHAR, confidence DOUBLE, verdict VARCHAR);

-- what each employer, and each name and handle of an account that may be an organisation's, is in the list, if anything
CREATE TABLE base.matches (text VARCHAR, organisation VARCHAR, group_name VARCHAR, rule VARCHAR);

-- the addresses on profiles and accounts: whose page each is, if it is an account's
CREATE TABLE base.address_readings (url VARCHAR, platform VARCHAR, handle VARCHAR);

-- what shows or denies a membership, positions left out (the view adds them); filled by link
CREATE TABLE base.evidence (
    subject VARCHAR, platform VARCHAR, source VARCHAR, rule VARCHAR, organisation VARCHAR, group_name VARCHAR,
    quote VARCHAR, stance VARCHAR, confidence DOUBLE, verdict VARCHAR, decided_by VARCHAR, record_id VARCHAR);

-- what the readings and matches, and the readings of addresses, were made with: as long as that is the same, they hold
CREATE TABLE base.read_with (what VARCHAR, fingerprint VARCHAR);

-- two accounts of one person, the lesser id first
CREATE TABLE base.account_links (
    account_id VARCHAR, other_id VARCHAR, rule VARCHAR, evidence VARCHAR, confidence DOUBLE, decision VARCHAR,
    decided_by VARCHAR, record_id VARCHAR);

-- the actor of each subject that is joined with another; every other subject is an actor by itself
CREATE TABLE base.actors (subject VARCHAR, actor_id VARCHAR);

-- Entries of lists: user lists, or results of queries. A row per account and walk that showed it.
CREATE TABLE base.listed (
    platform VARCHAR, list_id VARCHAR, account_id VARCHAR, position BIGINT, walk VARCHAR,
    first_seen TIMESTAMPTZ, last_seen TIMESTAMPTZ, record_id VARCHAR);

-- Surveys: the codebook, and a row a respondent and question. Words that respondents wrote stand apart from codes.
CREATE TABLE base.survey_variables (
    survey VARCHAR, variable VARCHAR, ordinal BIGINT, label VARCHAR, kind VARCHAR, codes VARCHAR[],
    answers VARCHAR[], missing_codes VARCHAR[], seen_at TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.survey_answers (
    survey VARCHAR, respondent VARCHAR, variable VARCHAR, code VARCHAR, text VARCHAR, missing VARCHAR,
    seen_at TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.survey_organisations (
    survey VARCHAR, variable VARCHAR, code VARCHAR, answer VARCHAR, organisation VARCHAR, group_name VARCHAR,
    rule VARCHAR);

-- What the searches of the register found: a row a document, search and content.
CREATE TABLE base.documents (
    address VARCHAR, content VARCHAR, platform VARCHAR, url VARCHAR, query VARCHAR, version INTEGER, title VARCHAR,
    source VARCHAR, published_at TIMESTAMPTZ, summary VARCHAR, digest VARCHAR, first_seen TIMESTAMPTZ,
    last_seen TIMESTAMPTZ, record_id VARCHAR);
CREATE TABLE base.document_pages (
    address VARCHAR, content VARCHAR, platform VARCHAR, url VARCHAR, title VARCHAR, source VARCHAR,
    published_at TIMESTAMPTZ, language VARCHAR, text VARCHAR, digest VARCHAR, first_seen TIMESTAMPTZ,
    last_seen TIMESTAMPTZ, record_id VARCHAR);

-- What coders decided about documents, their last word each (screening.csv); filled by load.
CREATE TABLE base.screenings (
    document VARCHAR, decision VARCHAR, reason VARCHAR, decided_by VARCHAR, decided_at TIMESTAMPTZ);

-- What people saw and noted (observations.csv); filled by load.
CREATE TABLE base.observations (
    source VARCHAR, observed_at TIMESTAMPTZ, observer VARCHAR, note VARCHAR, file VARCHAR, sha256 VARCHAR);
