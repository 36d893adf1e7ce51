"""The rhythm of posting: local days and hours through summer time, every day present, rates per such day."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import activity, days
from analysis.activity import Scope
from storage.errors import UserError
from tests import small

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
YEAR = Scope(first_day=date(2012, 1, 1), last_day=date(2012, 12, 31))


@pytest.fixture(scope="module")
def empty():
    return small.database()


@pytest.fixture
def db(empty):
    tables = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base' AND table_name <> 'kinds'"
    for (table,) in empty.execute(tables).fetchall():
        empty.execute(f"DELETE FROM base.{table}")
    return empty


def post_at(db, *moments, account="a", **same):
    small.posts(db, [{"created_at": pd.Timestamp(moment), "account_id": account} for moment in moments], **same)


def test_every_day_is_there_and_a_day_without_posts_has_none(db):
    post_at(db, "2012-12-30T12:00:00Z", "2013-01-03T12:00:00Z", "2013-01-03T13:00:00Z")
    frame = activity.daily(db)
    assert frame["posts"].to_dict() == {
        pd.Timestamp("2012-12-30"): 1, pd.Timestamp("2012-12-31"): 0, pd.Timestamp("2013-01-01"): 0,
        pd.Timestamp("2013-01-02"): 0, pd.Timestamp("2013-01-03"): 2,
    }  # fmt: skip
    assert len(activity.daily(db, YEAR)) == 366
    assert activity.daily(db, YEAR).attrs["parameters"]["posts_outside_period"] == 2


def test_days_begin_at_local_midnight_in_summer_and_in_winter(db):
    post_at(db, "2012-01-31T22:59:59Z", "2012-01-31T23:00:00Z", "2012-07-31T21:59:59Z", "2012-07-31T22:00:00Z")
    posts = activity.daily(db)["posts"]
    assert posts[posts > 0].index.strftime("%m-%d").tolist() == ["01-31", "02-01", "07-31", "08-01"]


def test_a_zone_with_a_quarter_of_an_hour_is_cut_at_its_midnight(db):
    post_at(db, "2012-01-31T18:14:59Z", "2012-01-31T18:15:00Z")  # Kathmandu is at +05:45
    frame = activity.daily(db, Scope(timezone="Asia/Kathmandu"))
    assert frame["posts"].tolist() == [1, 1]


def test_active_accounts_are_distinct_and_located_and_geocoded_posts_are_reported(db):
    small.accounts(db, [{"account_id": "a", "location": "Voorbeelddam"}, {"account_id": "b", "location": " "}])
    post_at(db, "2012-01-02T10:00:00Z", "2012-01-02T23:30:00Z", account="a", longitude=4.3, latitude=52.1)
    post_at(db, "2012-01-02T10:05:00Z", account="b", place="abc")
    frame = activity.daily(db)
    assert frame["active_accounts"].tolist() == [2, 1]  # half past eleven UTC is the third in Amsterdam
    assert frame["located"].tolist() == [1, 1]
    assert frame["geocoded"].tolist() == [2, 1]


def test_posts_without_a_time_are_counted_and_reported(db):
    post_at(db, "2012-01-02T10:00:00Z")
    small.posts(db, [{"post_id": "timeless", "created_at": None}] * 2)
    frame = activity.daily(db)
    assert frame["posts"].sum() == 1
    assert frame.attrs["parameters"]["posts_without_time"] == 2


def test_the_week_of_summer_time_has_one_hour_less_and_that_of_winter_time_one_more():
    spring = days.hours(date(2013, 3, 25), date(2013, 3, 31), "Europe/Amsterdam")
    assert spring.loc[6].sum() == 23
    assert spring.loc[6, 2] == 0
    autumn = days.hours(date(2012, 10, 22), date(2012, 10, 28), "Europe/Amsterdam")
    assert autumn.loc[6].sum() == 25
    assert autumn.loc[6, 2] == 2
    assert (autumn.loc[:5] == 1).all(axis=None)


def test_a_year_has_as_many_hours_as_days_times_24():
    assert days.hours(date(2012, 1, 1), date(2012, 12, 31), "Europe/Amsterdam").to_numpy().sum() == 366 * 24


def test_the_hour_that_comes_twice_counts_as_two(db):
    # 02:30 came twice on 28 October 2012; 01:30 once
    post_at(db, "2012-10-27T23:30:00Z", "2012-10-28T00:30:00Z", "2012-10-28T01:30:00Z")
    day = Scope(first_day=date(2012, 10, 28), last_day=date(2012, 10, 28))
    posts = activity.hour_by_weekday(db, day, value="posts")
    assert (posts.loc[6, 1], posts.loc[6, 2], posts.to_numpy().sum()) == (1, 2, 3)
    rate = activity.hour_by_weekday(db, day)
    assert (rate.loc[6, 1], rate.loc[6, 2]) == (1.0, 1.0)
    assert rate.loc[:5].isna().all(axis=None)  # no such day in the period


def test_weekdays_are_compared_per_such_day(db):
    """October 2012 had five Mondays and four Thursdays: one post on each day makes them equal."""
    period = Scope(first_day=date(2012, 10, 1), last_day=date(2012, 10, 31))
    post_at(db, *[f"2012-10-{day:02}T12:00:00Z" for day in range(1, 32)])
    frame = activity.weekday(db, period)
    assert frame["days"].tolist() == [5, 5, 5, 4, 4, 4, 4]
    assert frame["posts"].tolist() == frame["days"].tolist()
    assert (frame["per_day"] == 1).all()


def test_public_holidays_of_the_netherlands_in_2012_and_2013():
    known = days.calendar(date(2012, 1, 1), date(2013, 12, 31))["holiday"].dropna()
    for day in ("2012-04-09", "2012-04-30", "2012-05-17", "2012-05-28", "2012-12-25", "2012-12-26", "2013-04-30"):
        assert pd.Timestamp(day) in known.index, day  # Queen's Day was on 30 April until 2013
    assert pd.Timestamp("2013-04-27") not in known.index


def test_a_holiday_on_a_working_day_is_distinguished_from_the_weekend(db):
    calendar = days.calendar(date(2012, 4, 7), date(2012, 4, 10))  # the Saturday before Easter to the Tuesday after
    assert calendar["kind"].tolist() == ["weekend", "weekend", "public holiday", "working day"]
    post_at(db, *["2012-04-10T12:00:00Z"] * 6, "2012-04-09T12:00:00Z")
    frame = activity.working_days(db, Scope(first_day=date(2012, 4, 7), last_day=date(2012, 4, 11)))
    assert frame["days"].to_dict() == {"working day": 2, "weekend": 2, "public holiday": 1}
    assert frame["per_day"].to_dict() == {"working day": 3.0, "weekend": 0.0, "public holiday": 1.0}
    monday = activity.weekday(db, Scope(first_day=date(2012, 4, 2), last_day=date(2012, 4, 15))).loc[0]
    assert (monday["days"], monday["holidays"], monday["per_day_without_holidays"]) == (2, 1, 0)


def test_school_holidays_of_a_file_are_distinguished_by_region(db, tmp_path):
    path = tmp_path / "school.csv"
    path.write_text(
        "region,name,first_day,last_day\nproef,summer,2012-07-02,2012-07-03\nelders,summer,2012-07-04,2012-07-06\n"
    )
    post_at(db, *["2012-07-02T12:00:00Z", "2012-07-05T12:00:00Z", "2012-07-06T12:00:00Z"])
    week = Scope(first_day=date(2012, 7, 2), last_day=date(2012, 7, 8), school=days.school_holidays(path, ["proef"]))
    frame = activity.working_days(db, week)
    assert frame.loc["working day, school proef holiday", ["days", "posts"]].tolist() == [2, 1]
    assert frame.loc["working day, no school proef holiday", ["days", "posts"]].tolist() == [3, 2]
    assert activity.daily(db, week)["school proef"].sum() == 2
    with pytest.raises(UserError, match="no region 'noord'; it has elders, proef"):
        days.school_holidays(path, ["noord"])
    path.write_text("region,name,first_day,last_day\nproef,summer,2012-07-02,2 juli\n")
    with pytest.raises(UserError, match="line 2: last_day should be a day"):
        days.school_holidays(path)


def test_school_holidays_that_are_known_by_region(db):
    """The summer of 2023: Noord 22 July to 3 September, Midden 8 July to 20 August, Zuid 15 July to 27 August."""
    year = (date(2023, 1, 1), date(2023, 12, 31))
    for region, first, last in (("Noord", "07-22", "09-03"), ("Midden", "07-08", "08-20"), ("Zuid", "07-15", "08-27")):
        free = days.calendar(*year, school=days.known_school_holidays(*year, [region]))[f"school {region}"]
        assert free[f"2023-{first}" : f"2023-{last}"].all()
        assert not free[pd.Timestamp(f"2023-{first}") - pd.Timedelta(days=1)]
        assert not free[pd.Timestamp(f"2023-{last}") + pd.Timedelta(days=1)]
    post_at(db, "2023-07-10T12:00:00Z")
    period = Scope(first_day=date(2023, 7, 3), last_day=date(2023, 7, 14), school_regions=("Midden",))
    assert activity.working_days(db, period).loc["working day, school Midden holiday", ["days", "posts"]].tolist() == [
        5,
        1,
    ]


def test_school_holidays_that_are_not_known_are_not_guessed():
    with pytest.raises(UserError, match="no school holidays known for 2012"):
        days.known_school_holidays(date(2012, 1, 1), date(2012, 12, 31), ["Noord"])
    with pytest.raises(UserError, match="regions of NL are Midden, Noord, Zuid"):
        days.known_school_holidays(date(2023, 1, 1), date(2023, 12, 31), ["Oost"])


def test_rolling_means_look_back_over_whole_windows_only(db):
    post_at(db, *[f"2012-01-{day:02}T12:00:00Z" for day in range(1, 32)])
    frame = activity.daily(db)
    assert frame["posts_7"].isna().sum() == 6
    assert (frame["posts_7"].dropna() == 1).all()
    assert frame["posts_30"].notna().sum() == 2


def test_twice_as_much_on_working_days_by_everyone_is_a_ratio_of_two_without_doubt(db):
    """Four weeks without holidays; each account posts twice a working day and once a weekend day."""
    period = pd.date_range("2012-09-03", "2012-09-30")
    for account in "abcdefgh":
        moments = [f"{day.date()}T12:00:00Z" for day in period for _ in range(2 if day.day_of_week < 5 else 1)]
        post_at(db, *moments, account=account)
    frame = activity.professional_use(db)
    assert frame.loc["weekend", ["ratio", "low", "high"]].tolist() == pytest.approx([2, 2, 2])
    assert frame.loc["weekend", "working"] == 16
    assert np.isnan(frame.loc["public holiday", "ratio"])  # there is none in the period
    assert frame.attrs["parameters"]["active_accounts"] == 8


def test_one_busy_account_makes_the_interval_wide_and_the_same_seed_gives_the_same(db):
    post_at(db, *["2012-09-03T12:00:00Z"] * 90, *["2012-09-08T12:00:00Z"], account="busy")
    for account in "abcdef":
        post_at(db, "2012-09-03T12:00:00Z", "2012-09-08T12:00:00Z", account=account)
    one = activity.professional_use(db, Scope(last_day=date(2012, 9, 9)), seed=7)
    assert one.equals(activity.professional_use(db, Scope(last_day=date(2012, 9, 9)), seed=7))
    row = one.loc["weekend"]
    assert row["ratio"] == pytest.approx((96 / 5) / (7 / 2))
    assert row["low"] == pytest.approx(1 / 5 / (1 / 2))  # a resample without the busy one
    assert row["high"] > 2 * row["ratio"]


def test_a_timeline_that_was_cut_short_marks_the_days_that_are_missing(db):
    """The walk of the 20th got back to the 12th only; the one before had reached the 5th."""
    post_at(db, "2012-01-01T12:00:00Z", "2012-01-05T12:00:00Z", record_id="old")
    post_at(db, "2012-01-12T12:00:00Z", "2012-01-20T12:00:00Z", record_id="new")
    db.execute("UPDATE base.posts SET post_id = epoch_ms(created_at)::VARCHAR")
    mark = db.execute("SELECT post_id FROM posts WHERE created_at = '2012-01-05T12:00:00Z'").fetchall()[0][0]
    gap = {"collector": "x", "kind": "timeline", "key": "a", "walk": "w2", "low_water": mark, "why": "cut short"}
    small.insert(db, "gaps", [{**gap, "opened_at": small.SEEN}])
    small.insert(db, "answers", [{"record_id": "new", "walk": "w2"}, {"record_id": "old", "walk": "w1"}])
    marked = activity.daily(db)["gap_accounts"]
    assert marked[marked > 0].index.day.tolist() == list(range(5, 13))
    db.execute("UPDATE base.gaps SET closed_at = opened_at")
    assert activity.daily(db)["gap_accounts"].sum() == 0


def test_the_scope_comes_from_the_study_file(db):
    small.insert(db, "study", [
        {"key": "study.timezone", "value": '"America/New_York"'}, {"key": "study.first_day", "value": '"2012-01-01"'},
        {"key": "analysis.holiday_country", "value": '"US"'},
    ])  # fmt: skip
    post_at(db, "2012-07-05T02:00:00Z")
    frame = activity.daily(db)
    assert frame.index[[0, -1]].tolist() == [pd.Timestamp("2012-01-01"), pd.Timestamp("2012-07-04")]
    assert frame["holiday"].iloc[-1] == "Independence Day"


def test_without_posts_the_tables_are_empty(db):
    assert activity.daily(db).empty
    assert activity.weekday(db)["posts"].sum() == 0
    assert activity.hour_by_weekday(db).isna().all(axis=None)
    assert activity.working_days(db)["days"].sum() == 0
    assert activity.professional_use(db)["ratio"].isna().all()


moments = st.datetimes(datetime(2011, 10, 1), datetime(2012, 11, 30), timezones=st.just(ZoneInfo("UTC")))


@settings(max_examples=25, deadline=None)
@given(st.lists(moments, min_size=1, max_size=30))
def test_each_post_is_counted_once_on_its_local_day_and_hour(empty, found):
    empty.execute("DELETE FROM base.posts; DELETE FROM base.study; DELETE FROM base.gaps")
    post_at(empty, *found)
    daily = activity.daily(empty)
    local = [moment.astimezone(AMSTERDAM) for moment in found]
    for day, count in pd.Series([moment.date() for moment in local]).value_counts().items():
        assert daily.loc[pd.Timestamp(day), "posts"] == count
    assert daily["posts"].sum() == len(found)
    assert activity.weekday(empty)["posts"].sum() == len(found)
    assert activity.working_days(empty)["posts"].sum() == len(found)
    grid = activity.hour_by_weekday(empty, value="posts")
    for moment in local:
        assert grid.loc[moment.weekday(), moment.hour] == sum(
            (each.weekday(), each.hour) == (moment.weekday(), moment.hour) for each in local
        )
