"""A dozen example queries on a study, as a marimo notebook; docs/querying.md says how to open it."""

import marimo

app = marimo.App(width="medium", app_title="Asking a study")


@app.cell
def _():
    import os
    import pathlib

    import duckdb
    import marimo as mo

    return duckdb, mo, os, pathlib


@app.cell
def _(duckdb, mo, os, pathlib):
    study = pathlib.Path(str(mo.cli_args().get("study") or os.environ.get("SNEEUWBAL_STUDY") or "."))
    database = study / "study.duckdb"
    if not database.is_file():
        raise SystemExit(f"{database}: no database here; give the study's directory after -- --study")
    db = duckdb.connect(str(database), read_only=True)
    return (db,)


@app.cell
def _(db, mo):
    _name = db.execute("SELECT value FROM study WHERE key = 'study.name'").fetchall()
    mo.md(
        f"""
        # Asking a study

        This is **{_name[0][0].strip('"') if _name else "a study"}**, opened read-only: nothing here can change it, and
        a running load is not blocked. Change a query and run its cell again. The views and their columns
        are in the data dictionary (docs/data-dictionary.md).
        """
    )
    return


@app.cell
def _(mo):
    mo.md(
        """
        ## 1. How many members are there, and how many were found on a platform?

        `memberships` has a row for each current position in a group of the study; `links` a row for each account
        linked to a profile by evidence. A person with positions in two groups counts in both.
        """
    )
    return


@app.cell
def _(db, mo):
    table5 = mo.sql(
        """
        SELECT m.group_name, count(DISTINCT m.profile_id) AS people,
               count(DISTINCT l.profile_id) AS on_a_platform,
               round(100 * count(DISTINCT l.profile_id) / count(DISTINCT m.profile_id), 1) AS per_cent
        FROM memberships AS m LEFT JOIN links AS l USING (profile_id)
        GROUP BY m.group_name ORDER BY people DESC, m.group_name
        """,
        engine=db,
    )
    return (table5,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 2. By what evidence are accounts linked?

        Every link has its rule, and the value it is based on in `evidence`. `link_candidates` has those that were not
        accepted.
        """
    )
    return


@app.cell
def _(db, mo):
    evidence = mo.sql(
        """
        SELECT rule, decided_by, count(*) AS links, round(avg(confidence), 2) AS mean_confidence
        FROM links GROUP BY ALL ORDER BY links DESC, rule
        """,
        engine=db,
    )
    return (evidence,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 3. Which groups are connected?

        `connections` has each connection once, whichever side showed it. Only readable lists can show
        any; the report says how few they are.
        """
    )
    return


@app.cell
def _(db, mo):
    groups = mo.sql(
        """
        SELECT least(a.group_name, b.group_name) AS group_name, greatest(a.group_name, b.group_name) AS other,
               count(*) AS connections
        FROM connections AS c
        JOIN memberships AS a ON a.profile_id = c.profile_a JOIN memberships AS b ON b.profile_id = c.profile_b
        GROUP BY ALL ORDER BY connections DESC, group_name, other LIMIT 20
        """,
        engine=db,
    )
    return (groups,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 4. Which accounts do linked members follow most?

        `follows` has a row per tie as last seen. `follow_history` has the start and end of ties.
        """
    )
    return


@app.cell
def _(db, mo):
    followed = mo.sql(
        """
        SELECT a.handle, a.name, count(*) AS followers_here,
               bool_or(a.account_id IN (SELECT account_id FROM links)) AS linked
        FROM follows AS f JOIN links AS l ON l.account_id = f.follower_id
        JOIN accounts AS a ON a.account_id = f.followed_id
        GROUP BY a.handle, a.name ORDER BY followers_here DESC, a.handle LIMIT 20
        """,
        engine=db,
    )
    return (followed,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 5. Do groups follow one another back?

        A tie is mutual if the reverse one exists too: a semi-join of `follows` with itself.
        """
    )
    return


@app.cell
def _(db, mo):
    mutual = mo.sql(
        """
        WITH ours AS (
            SELECT account_id, min(group_name) AS group_name
            FROM links JOIN memberships USING (profile_id) GROUP BY ALL)
        SELECT a.group_name, count(*) AS ties_with_colleagues_elsewhere,
               round(100 * avg(CAST((f.followed_id, f.follower_id) IN (SELECT (follower_id, followed_id) FROM follows)
                                    AS INTEGER)), 1) AS per_cent_mutual
        FROM follows AS f JOIN ours AS a ON a.account_id = f.follower_id JOIN ours AS b ON b.account_id = f.followed_id
        WHERE a.group_name <> b.group_name GROUP BY a.group_name ORDER BY 2 DESC, 1
        """,
        engine=db,
    )
    return (mutual,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 6. How did posting grow?

        `posts` are those on the timelines of the study. Stored times are in UTC; `AT TIME ZONE` gives the study's
        own days.
        """
    )
    return


@app.cell
def _(db, mo):
    months = mo.sql(
        """
        SELECT date_trunc('month', created_at AT TIME ZONE 'Europe/Amsterdam')::DATE AS month, count(*) AS posts,
               count(DISTINCT timeline_of) AS accounts
        FROM posts WHERE created_at IS NOT NULL GROUP BY month ORDER BY month
        """,
        engine=db,
    )
    return (months,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 7. At what hours do they post, on working days and in weekends?

        `isodow` is 1 on Monday and 7 on Sunday. Public holidays are left out here; the report counts them separately.
        """
    )
    return


@app.cell
def _(db, mo):
    hours = mo.sql(
        """
        SELECT hour(created_at AT TIME ZONE 'Europe/Amsterdam') AS hour,
               count(*) FILTER (isodow(created_at AT TIME ZONE 'Europe/Amsterdam') <= 5) AS monday_to_friday,
               count(*) FILTER (isodow(created_at AT TIME ZONE 'Europe/Amsterdam') > 5) AS weekend
        FROM posts WHERE created_at IS NOT NULL GROUP BY hour ORDER BY hour
        """,
        engine=db,
    )
    return (hours,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 8. What are the topics?

        `post_hashtags` has a row for each hashtag of a post; `origin` is 'delivered' for what the platform gave
        with the post, and 'referenced' for what a retweet cut off.
        """
    )
    return


@app.cell
def _(db, mo):
    hashtags = mo.sql(
        """
        SELECT lower(hashtag) AS hashtag, count(DISTINCT post_id) AS posts, count(DISTINCT account_id) AS accounts
        FROM post_hashtags WHERE origin = 'delivered'
        GROUP BY ALL ORDER BY posts DESC, hashtag LIMIT 25
        """,
        engine=db,
    )
    return (hashtags,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 9. Which hashtags are used together?

        Two hashtags of one post: the table joined with itself, each pair once. This is the edge list of the hashtag
        network.
        """
    )
    return


@app.cell
def _(db, mo):
    pairs = mo.sql(
        """
        WITH tags AS (
            SELECT DISTINCT post_id, lower(hashtag) AS tag FROM post_hashtags WHERE origin = 'delivered')
        SELECT a.tag, b.tag AS other, count(*) AS posts
        FROM tags AS a JOIN tags AS b ON a.post_id = b.post_id AND a.tag < b.tag
        GROUP BY ALL ORDER BY posts DESC, a.tag, other LIMIT 25
        """,
        engine=db,
    )
    return (pairs,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 10. Which groups mention each other?

        `post_mentions` has the account if the platform gave it. Joined with `links` on both sides it is a
        network of attention rather than of following.
        """
    )
    return


@app.cell
def _(db, mo):
    mentions = mo.sql(
        """
        WITH ours AS (
            SELECT account_id, min(group_name) AS group_name
            FROM links JOIN memberships USING (profile_id) GROUP BY ALL)
        SELECT a.group_name AS from_group, b.group_name AS to_group, count(*) AS mentions
        FROM post_mentions AS m JOIN posts AS p USING (post_id)
        JOIN ours AS a ON a.account_id = p.timeline_of JOIN ours AS b ON b.account_id = m.mentioned_account_id
        WHERE p.timeline_of <> m.mentioned_account_id AND m.origin = 'delivered'
        GROUP BY ALL ORDER BY mentions DESC, 1, 2 LIMIT 20
        """,
        engine=db,
    )
    return (mentions,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 11. What is missing or incomplete?

        Absence is data: `absences` has the platform's answers; `gaps` the lists that were cut short.
        """
    )
    return


@app.cell
def _(db, mo):
    missing = mo.sql(
        """
        SELECT 'absent' AS what, platform, kind, reason AS why, count(*) AS targets FROM absences GROUP BY ALL
        UNION ALL
        SELECT 'not whole', collector, kind, why, count(*) FROM gaps WHERE closed_at IS NULL GROUP BY ALL
        ORDER BY what, targets DESC, why
        """,
        engine=db,
    )
    return (missing,)


@app.cell
def _(mo):
    mo.md(
        """
        ## 12. Where does a number come from?

        Every row has a `record_id`: the WARC record of the answer it was read from, with its address, time and
        file.
        """
    )
    return


@app.cell
def _(db, mo):
    sources = mo.sql(
        """
        SELECT p.name, f.url, f.status, f.fetched_at, f.archive
        FROM profiles AS p JOIN fetches AS f USING (record_id) ORDER BY p.name, f.url LIMIT 10
        """,
        engine=db,
    )
    return (sources,)


@app.cell
def _(mo):
    mo.md(
        """
        ## On to pandas and networkx

        `db.sql("...").df()` gives a pandas frame. `analysis.actors.graph(db)` and `analysis.hashtags.graph(db)` give
        the networks of the report as networkx graphs, with every measure as an attribute of its nodes.
        """
    )
    return


if __name__ == "__main__":
    app.run()
