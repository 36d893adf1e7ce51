"""Names and addresses compared in SQL."""

# Addresses without scheme, www and trailing slashes; names as their words, without accents, case and particles.
MACROS = r"""
CREATE OR REPLACE TEMP MACRO bare(address) AS
    regexp_replace(regexp_replace(lower(trim(address)), '^(https?:)?//(www\.)?', ''), '/+$', '');
CREATE OR REPLACE TEMP MACRO words(name) AS list_filter(
    string_split_regex(lower(strip_accents(name)), '[^\p{L}\p{N}]+'),
    lambda w: length(w) >= 3
        AND w NOT IN ('van', 'der', 'den', 'ter', 'ten', 'von', 'the', 'del', 'bin', 'prof', 'ing'));
CREATE OR REPLACE TEMP MACRO names_agree(person, bearer, handle) AS
    coalesce(len(words(person)) = 0 OR len(words(bearer)) = 0 OR list_has_any(words(person), words(bearer))
        OR len(list_filter(words(person), lambda w: length(w) >= 4 AND contains(
               lower(strip_accents(bearer || ' ' || handle)), w))) > 0
        OR jaro_winkler_similarity(lower(strip_accents(person)), lower(strip_accents(bearer))) >= 0.9, TRUE);
"""
