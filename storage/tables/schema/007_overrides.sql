-- Opt-outs that were not honoured, and why: told by the settings of the runs that did so.
CREATE TABLE base.overrides (
    rule VARCHAR, collector VARCHAR, reason VARCHAR, since TIMESTAMPTZ, until TIMESTAMPTZ, runs BIGINT);

CREATE VIEW overrides AS SELECT * FROM base.overrides;

COMMENT ON VIEW overrides IS 'Opt-outs that were not honoured, by which collector and why: as the study file said when it ran. Empty where all were honoured.';
COMMENT ON COLUMN overrides.rule IS 'opt-outs: of people ([minimise] opt_outs); robots.txt: of sites';
COMMENT ON COLUMN overrides.collector IS 'whose runs did not honour them';
COMMENT ON COLUMN overrides.reason IS 'the reason that the study file gave';
COMMENT ON COLUMN overrides.since IS 'when the first run with this reason began';
COMMENT ON COLUMN overrides.until IS 'when the last one ended, or began if it was cut off';
COMMENT ON COLUMN overrides.runs IS 'how many runs';

COMMENT ON COLUMN fetches."bytes" IS 'size of the body as it came, or as it was redacted';
