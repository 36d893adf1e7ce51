"""Networks at the study's size and at ten times it, beside other libraries in the same run.

`python -m benchmarks.networks [actors] [large] [hashtags] [hashtags-large]`. Each line: the figure, its peer in the
same run, and the ratio. Data are synthetic and made first, in a temporary folder, outside the times; every measured
step runs in a process of its own, so that its memory is its own (children counted).
"""

import contextlib
import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import networkx as nx
import numpy as np
import pandas as pd
import psutil

from storage.tables.database import create

SIZES = {"actors": (5_000, 300_000), "large": (50_000, 3_000_000)}
POSTS = {"hashtags": 700_000, "hashtags-large": 70_000_000}


# ---- synthetic data ----------------------------------------------------------------------------------------


def follow_database(path: Path, nodes: int, edges: int) -> None:
    """A study whose filtered follow network has about that size: four planted communities, heavy tails."""
    rng = np.random.default_rng(1)
    home = rng.integers(0, 4, nodes)
    weight = np.minimum(rng.pareto(1.8, nodes) + 1, np.sqrt(nodes) / 2)
    follower = rng.choice(nodes, int(edges * 1.35), p=weight / weight.sum())
    followed = rng.choice(nodes, len(follower), p=weight / weight.sum())
    inside = rng.random(len(follower)) >= 0.35
    for group in range(4):
        members = np.flatnonzero(home == group)
        rows = np.flatnonzero(inside & (home[follower] == group))
        followed[rows] = rng.choice(members, len(rows), p=weight[members] / weight[members].sum())
    pairs = np.unique(np.column_stack((follower, followed))[follower != followed], axis=0)
    pairs = pairs[rng.permutation(len(pairs))[:edges]]
    ties = pd.DataFrame(pairs.astype(str), columns=["follower_id", "followed_id"])  # noqa: F841 - read by DuckDB
    with _schema(path) as db:
        db.execute(
            "INSERT INTO base.current_follows BY NAME SELECT follower_id, followed_id, 'x' AS platform, now() AS"
            " first_seen, now() AS last_seen FROM ties"
        )


def hashtag_database(path: Path, posts: int) -> None:
    """Posts, a third of them with one to three hashtags of 290 frequent ones and a tail, a fifth in capitals."""
    tail = max(60, 9000 * posts // 687_811)
    with _schema(path) as db:
        db.execute(f"""
        INSERT INTO base.posts BY NAME
        WITH dice AS (SELECT i, hash(i) AS h, [hash(i + 1000000007), hash(i * 7 + 3), hash(i * 13 + 5)] AS three
                      FROM range({posts}) AS t(i)),
        counted AS (SELECT *, CASE WHEN h % 10000 < 6553 THEN 0 WHEN h // 10000 % 100 < 60 THEN 1
                                   WHEN h // 10000 % 100 < 88 THEN 2 ELSE 3 END AS many FROM dice)
        SELECT i::VARCHAR AS post_id, 'x' AS platform, 'original' AS kind, (three[1] % 1109)::VARCHAR AS timeline_of,
               CASE WHEN many = 0 THEN []::VARCHAR[] ELSE list_transform(three[1:many], lambda x:
                    CASE WHEN x % 100 < 26 THEN 'tail' || ((x // 100) % {tail})::VARCHAR
                    ELSE (CASE WHEN x // 100 % 5 = 0 THEN 'TAG' ELSE 'tag' END)
                         || floor(290 * pow((x // 1000 % 1000000) / 1000000.0, 2))::INTEGER::VARCHAR END)
                    END AS hashtags
        FROM counted""")


@contextlib.contextmanager
def _schema(path: Path):
    with duckdb.connect(str(path)) as db:
        db.execute("SET threads = 2; SET memory_limit = '6GB'")
        create(db)
        yield db


# ---- what is measured --------------------------------------------------------------------------------------


def ours_actors(path: Path) -> None:
    from analysis import actor_edges
    from analysis.graphs import algorithms
    from analysis.graphs.layout import layout

    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("SET enable_progress_bar = false")
        with lap("ours", "from DuckDB to arrays"):
            network = actor_edges.network(db, min_degree=1 if "large" in path.name else 51, scope="all")
    print(f"  {network.n:,} nodes, {network.m:,} edges after the filter")
    with lap("ours", "betweenness"):
        between = algorithms.betweenness(network, samples=1000)
    print(f"  {between.attrs['parameters']}")
    with lap("ours", "communities of 20 seeds with stability"):
        found = algorithms.communities(network)
    print(f"  {found.verdict()}")
    with lap("ours", "layout of 100 iterations"):
        layout(network, iterations=100)


def peer_networkx(path: Path) -> None:
    """Ten sources of betweenness, one Louvain run, three steps of layout: the whole is worked out from these."""
    graph = _digraph(path)
    sources = list(graph)[:10]
    with lap("networkx", "betweenness", times=len(graph) / len(sources)):
        nx.betweenness_centrality_subset(graph, sources, list(graph), normalized=False)
    with lap("networkx", "communities of 20 seeds with stability", times=20):
        nx.community.louvain_communities(nx.Graph(graph), seed=1)
    with lap("networkx", "layout of 100 iterations", times=100 / 3):
        nx.forceatlas2_layout(graph, max_iter=3, seed=1)


def peer_rustworkx(path: Path) -> None:
    import rustworkx as rx

    graph = rx.PyDiGraph()
    index, pairs = _pairs(path)
    graph.add_nodes_from(range(index))
    graph.extend_from_edge_list([(int(a), int(b)) for a, b in pairs])
    with lap("rustworkx", "betweenness"):
        rx.digraph_betweenness_centrality(graph, normalized=False)


def peer_networkit(path: Path) -> None:
    import networkit as nk

    count, pairs = _pairs(path)
    graph = nk.GraphFromCoo((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), n=count, directed=True, weighted=False)
    nk.setNumberOfThreads(2)
    with lap("networkit", "betweenness"):
        (nk.centrality.Betweenness(graph) if count <= 10_000 else nk.centrality.EstimateBetweenness(graph, 1000)).run()
    simple = nk.graphtools.toUndirected(graph)
    simple.removeMultiEdges()
    with lap("networkit", "communities of 20 seeds with stability", times=20):  # without the stability
        nk.community.PLM(simple, refine=False).run()


def ours_hashtags(path: Path) -> None:
    from analysis import hashtag_edges
    from storage.folding import specials

    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("SET threads = 2; SET memory_limit = '1500MB'; SET enable_progress_bar = false")
        db.execute(f"SET temp_directory = '{path.parent / 'spill'}'")
        specials()
        with lap("ours", "co-occurrence"):
            network = hashtag_edges.network(db, scope="all")
    print(f"  {network.n:,} hashtags, {network.m:,} edges")


def peer_pandas(path: Path) -> None:
    """The same by pandas: explode, fold, drop duplicates, merge with itself."""
    with duckdb.connect(str(path), read_only=True) as db, lap("pandas", "co-occurrence"):
        rows = db.execute("SELECT post_id, hashtags FROM posts WHERE len(hashtags) > 0").df().explode("hashtags")
        rows["hashtags"] = rows["hashtags"].str.casefold()
        rows = rows.drop_duplicates()
        often = rows["hashtags"].value_counts()
        rows = rows[rows["hashtags"].isin(often[often > 100].index)]
        pairs = rows.merge(rows, on="post_id")
        pairs = pairs[pairs["hashtags_x"] < pairs["hashtags_y"]]
        pairs.groupby(["hashtags_x", "hashtags_y"]).size()


def _pairs(path: Path) -> tuple[int, np.ndarray]:
    with duckdb.connect(str(path), read_only=True) as db:
        frame = db.execute("SELECT follower_id, followed_id FROM follows").df()
    codes, names = pd.factorize(pd.concat([frame["follower_id"], frame["followed_id"]]))
    return len(names), codes.reshape(2, -1).T


def _digraph(path: Path) -> nx.DiGraph:
    return nx.DiGraph(map(tuple, _pairs(path)[1].tolist()))


# ---- the run -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def lap(who: str, what: str, times: float = 1):
    """Print how long *what* took *who*, in wall and CPU seconds (children counted); a part of it is taken *times*."""
    began, cpu = time.perf_counter(), _cpu()
    yield
    wall, used = (time.perf_counter() - began) * times, (_cpu() - cpu) * times
    worked_out = f" (worked out from 1/{times:.0f} of it)" if times > 1 else ""
    print(f"  {who}, {what}: {wall:.2f} s wall, {used:.2f} s CPU{worked_out}", flush=True)
    with Path(os.environ["LAPS"]).open("a") as out:
        out.write(f"{who}\t{what}\t{wall}\n")


def _cpu() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


STEPS = {
    "actors": ["ours_actors", "peer_rustworkx", "peer_networkit", "peer_networkx"],
    "large": ["ours_actors", "peer_networkit"],
    "hashtags": ["ours_hashtags", "peer_pandas"],
    "hashtags-large": ["ours_hashtags"],
}
NEEDS = {"peer_rustworkx": "rustworkx", "peer_networkit": "networkit"}


def main(wanted: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted or ["actors", "hashtags"]:
            path = Path(folder) / f"{name}.duckdb"
            if name in SIZES:
                follow_database(path, *SIZES[name])
            else:
                hashtag_database(path, POSTS[name])
            print(f"{name}:")
            os.environ["LAPS"] = str(path.with_suffix(".laps"))
            for step in STEPS[name]:
                _step(step, path)
            laps = pd.read_csv(os.environ["LAPS"], sep="\t", names=["who", "what", "wall"])
            ours = laps[laps.who == "ours"].set_index("what")["wall"]
            print(f"  ours, together: {ours.sum():.2f} s wall")
            for who, what, wall in laps[laps.who != "ours"].itertuples(index=False):
                print(f"  {what}: {who} / ours = {wall / ours[what]:.1f}")


def _step(step: str, path: Path) -> None:
    """Run *step* in a process of its own, if its library is installed."""
    needs = NEEDS.get(step)
    if needs and importlib.util.find_spec(needs) is None:
        print(f"  {step}: {needs} is not installed (pip install 'sneeuwbal[bench]')")
        return
    code = f"from benchmarks import networks as b; from pathlib import Path; b.{step}(Path({str(path)!r}))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[1]) as process:
        peak = _peak_memory(process)
    if process.returncode:
        raise SystemExit(f"{step} ended with {process.returncode}")
    print(f"  {step}: peak memory {peak / 1e9:.2f} GB, all its processes together", flush=True)


def _peak_memory(process: subprocess.Popen) -> int:
    """The most that *process* and its children hold together until it ends, looked at ten times a second."""
    peak, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            peak = max(peak, sum(one.memory_info().rss for one in [tree, *tree.children(recursive=True)]))
        time.sleep(0.1)
    return peak


if __name__ == "__main__":
    main(sys.argv[1:])
