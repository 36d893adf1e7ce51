"""Definitions of each table in a sentence or two; the full ones are in docs/definitions.md."""

from __future__ import annotations

from collections.abc import Mapping

_DEGREE = (
    "Degree is in + out on the full network, a mutual tie counting twice; the filter is applied once, and all "
    "later steps use its result."
)
_COMMUNITY = (
    "Communities are by Louvain on the undirected network (one edge for a mutual tie), the best of the seeded "
    "runs by modularity, numbered by size."
)
_DAYS = "Days, weekdays and hours are in the study's time zone; a public holiday in a weekend is a weekend day."

# of a study that has accounts and no profiles
OF_ACCOUNTS: Mapping[str, tuple[str, ...]] = {
    "selection": (
        "Start contacts are the accounts that were read as seeds. {A_member} is somebody with evidence of belonging to "
        "an organisation of the study; somebody with several accounts that are known to be theirs counts once.",
    ),
    "populations": (
        "{A_member} is somebody with evidence of belonging to an organisation of the study; agencies count for their "
        "{group}, and whoever belongs to two {groups} counts in both.",
        "Under a platform: those with an account on it. Accounts: all of theirs.",
    ),
}

DEFINITIONS: Mapping[str, tuple[str, ...]] = {
    "selection": (
        "A connection counts once, and only between profiles that were read. {A_member} has at least one current "
        "position (without an end) at an organisation of the study.",
    ),
    "populations": (
        "{A_member} has at least one current position (without an end) at an organisation of the study; agencies "
        "count for their {group}, and current positions in two {groups} in both.",
        "Found on a platform: a profile linked to an account by evidence. Lists read: persons whose connections could "
        "be read.",
    ),
    "waves": (
        "Requests: those needed before the wave. Reached: people first shown by lists or posts of the previous "
        "wave. Admitted: people then selected by the rule, some of them reached in an earlier wave. Along a tie: "
        "admitted people reached by it; people reached by several ties count in each.",
    ),
    "leaders": (
        (
            "People: admitted people who were on their lists or in their posts before. Others may have shown "
            "them as well."
        ),
    ),
    "found_by": (
        "A path leads from an admitted person to the people on their lists or in their posts. A person counts "
        "once per cell, and in the row of each {group} that led to them.",
    ),
    "groups": (
        "A connection between two {members} counts once in every cell it belongs to. Expected: with the ends of "
        "all connections joined at random, each {group} keeping its number of ends (configuration model).",
    ),
    "group_shares": (
        "Shares of the row: the share of each {group} in all posts that {members} of {a_group} send to {members}; "
        "counts are posts, or ties for follow ties. Senders and receivers are persons; people in two {groups} "
        "count in both.",
    ),
    "group_coverage": ("Readable: {members} with at least one connection that was seen.",),
    "communities": (
        _DEGREE,
        _COMMUNITY,
        "Runs that put them there: of each actor, the share of the runs in which they are in the community that "
        "continues theirs (the largest overlaps first, one to one); here the mean over the community.",
        ("Density: ties inside over all possible ones. E-I index: (external - internal) / (external + internal) ties."),
    ),
    "communities_by_group": (_COMMUNITY, "Outside: actors who are not {members}."),
    "central": (
        "Betweenness (Brandes 2001): unweighted, directed, not normalised, on the filtered network.",
        _DEGREE,
    ),
    "bridges": (
        "Bridging is betweenness times participation: 1 minus the sum of squared shares of an actor's ties by "
        "community (Guimerà and Amaral 2005).",
    ),
    "inward": (
        "E-I index (Krackhardt and Stern 1988): (external - internal) / (external + internal) ties, -1 all inside, +1 "
        "all outside. Expected: ties by chance with every actor's degrees kept. Permuted: mean over shuffled labels; p "
        "is two-sided. For {a_group} only the labels of {members} are shuffled.",
    ),
    "most_central": ("Labels come from the study's table of politicians, media and organisations; all others: other.",),
    "hidden": (
        "The network before the degree filter, after it, and the ties that it hides with the actors at their ends. "
        "Above ten thousand actors betweenness is estimated from sampled sources.",
    ),
    "interaction": (
        "A tie: one account mentioned, answered, retweeted or quoted another at least once. Only accounts whose "
        "lists were read show their follow ties.",
    ),
    "working_days": (_DAYS,),
    "professional_use": (
        "Posts per working day over posts per day off; percentile interval of a bootstrap by account, because accounts "
        "are the sampling unit and not posts.",
        _DAYS,
    ),
    "weekday": (_DAYS,),
    "months": (
        "Located: posts whose author states a location, as the account is now. Geocoded: posts with coordinates or a "
        "place.",
        _DAYS,
    ),
    "hours": ("Posts per such hour of the period, by the clock; summer time is counted as the clock shows it.",),
    "shares": (
        "Distinct posts with at least one hashtag, with at least one @mention, and whose text begins with @, over all "
        "distinct posts. The conditions are among the parameters, as SQL.",
        "Interval: two independent proportions, Newcombe's method. It takes posts as independent, which posts of one "
        "account are not; it is therefore too narrow.",
    ),
    "shares_otherwise": (
        "DMI-TCAT: a retweet has its original's hashtags and mentions the retweeted author. 4CAT: a retweet has "
        "both its own and its original's.",
    ),
    "hashtag_communities": (
        "Hashtags are case-folded; their frequency is the number of posts with them, each post once. Two are "
        "linked when one post has both.",
        "Characteristic: by log-odds with an informative prior (Monroe, Colaresi and Quinn 2008).",
        _COMMUNITY,
    ),
    "hashtags": ("Posts: number of posts with the hashtag. Degree: hashtags it shares a post with.",),
    "hashtags_by_group": ("A post that uses two communities counts in both.",),
    "hashtags_by_account": ("A post that uses two communities counts in both; the five most active of each.",),
    "hashtag_course": ("A post that uses two communities counts in both; months are in the study's time zone.",),
    "changes": (
        "Before is the first reading of each profile and list, after its last one, of those read at least twice. "
        "Gained and lost: {members} after but not before, and the reverse.",
        "Accounts named in their profiles: by id if known, so that a new handle is not a new account. Accounts "
        "that could be looked up: lost are those that the platform has since reported as suspended, gone, "
        "deactivated or unknown; none is gained.",
        "Follow ties: of lists read to their end both times; ties in other lists do not count.",
    ),
    "changes_by_group": (
        "Before + entered + moved in - left - moved out = after. Entered and left: from and to outside the "
        "profession. Moved in and out: {members} of another {group} before, or after. People with positions in "
        "two {groups} count in both.",
    ),
    "moves": (
        "Persons who no longer have a position in {a_group} and have a new one in another; a second position "
        "besides the first is not a move.",
    ),
    "filters": ("Every filter in the order of application, with the numbers before and after.",),
    "comparison_shares": (
        "Shares of the distinct posts; the difference in points with Newcombe's interval, which takes posts as "
        "independent.",
    ),
    "comparison_networks": (
        "Density and reciprocity are of the directed network, transitivity and clustering of the undirected one; the "
        "interval of the E-I index is a bootstrap by account.",
    ),
    "participation": (
        "Invited: a link was made. Consented: whether or not withdrawn later. Withdrawn: what was given is erased.",
    ),
    "gaps": (
        "Timelines and lists that were cut short, by the platform's limit or by a stop of ours, and not completed "
        "since.",
    ),
    "coverage": (
        "Read whole: the last page of a walk was reached. In part: some pages. Absent: the platform said so. The "
        "reasons are the platform's answers.",
    ),
    "survey_shares": (
        "Positive: respondents whose answer to the question for the outcome counts as yes. Shares are of the row, with "
        "Wilson's 95% interval. Respondents without an answer to a question have a row of their own.",
    ),
    "survey_tests": (
        "Pearson's chi-square of each question by the outcome, without continuity correction; Cramér's V; Holm's p "
        "takes all tests of the table together. Weights have a mean of 1, and weighted p ignore the design effect.",
    ),
    "survey_ranks": (
        "Spearman's rho, ties averaged, of questions whose answers have an order; interval by Fisher's z with the "
        "variance of Bonett and Wright (2000).",
    ),
    "survey_regressions": (
        "Logistic regression of the outcome: Wald is (coefficient / standard error) squared, df 1; odds ratio with its "
        "95% interval; Holm's p takes the tests of one question together. Coding each: a model for each answer against "
        "all others; indicator: against the answer named; deviation: against the mean of the answers' log odds.",
        "Without a figure: all answers alike, so that the likelihood has no maximum.",
    ),
    "survey_small": (
        "Answers of fewer respondents than [survey] minimum; kept: tested all the same, for the reason in the study "
        "file.",
    ),
    "survey_often": ("Of those whose answer is positive, with Wilson's 95% interval.",),
    "survey_organisations": ("Answers are read as employers are; an empty group: not recognised.",),
    "triangulation": (
        "Survey: respondents who name an organisation of the {group}, and the share of them whose answer is positive, "
        "with Wilson's 95% interval. Profiles and accounts: as in the table of {members}.",
        "Posts per account: of those linked to {members}. E-I index: of the ties of the {group} after the degree "
        "filter. Interaction: the share of their posts that mention somebody.",
    ),
    "agreement_of_instruments": (
        "Spearman's rho over the {groups} that have both figures, with its 95% interval. It takes the figures as "
        "known: that the survey is a sample widens the interval further.",
    ),
    "survey_missing": (
        "Empty: nothing there. User missing: a code that the codebook calls no answer. Not asked: the question was not "
        "put to the respondent.",
    ),
    "flow": (
        "Records identified: a document at an address, for each search that found it. Duplicates: records of one "
        "document, by its canonical address, or by title and text. Included: by all coders, or by consensus.",
    ),
    "saturation": ("In the order of the searches' first requests; new: documents that no earlier search found.",),
    "exclusions": ("The reason of the consensus, else that of the coder who decided last.",),
    "agreement": (
        "Cohen's kappa of the documents that both decided on, with its 95% interval; Krippendorff's alpha for nominal "
        "codes, over all documents that two coders or more decided on.",
    ),
}
