"""What members may give besides profile, positions and connections: domains of the API, files of the export.

Only columns that are no free text are kept, and no domain that holds what other people wrote, or who they are. The
domains are those of LinkedIn's list; files and columns are known from exports (docs/collectors/linkedin-members.md).
"""

from __future__ import annotations

from collections.abc import Mapping

FURTHER: Mapping[str, tuple[str, tuple[str, ...]]] = {  # by domain: the file of the export, its columns
    "EDUCATION": ("Education.csv", ("School Name", "Start Date", "End Date", "Degree Name")),
    "SKILLS": ("Skills.csv", ("Name",)),
    "LANGUAGES": ("Languages.csv", ("Name", "Proficiency")),
    "CERTIFICATIONS": ("Certifications.csv", ("Name", "Authority", "Started On", "Finished On")),
    "COURSES": ("Courses.csv", ("Name", "Number")),
    "HONORS": ("Honors.csv", ("Title", "Issued On")),
    "PROJECTS": ("Projects.csv", ("Title", "Started On", "Finished On")),
    "PUBLICATIONS": ("Publications.csv", ("Name", "Publisher", "Published On")),
    "VOLUNTEERING_EXPERIENCES": (
        "Volunteering.csv", ("Company Name", "Role", "Cause", "Started On", "Finished On"),
    ),
    "COMPANY_FOLLOWS": ("Company Follows.csv", ("Organization", "Followed On")),
}  # fmt: skip
_REASONS = {
    "it holds what other people wrote, or who they are, and they have not been asked": """
        INBOX LEARNING_COACH_INBOX LEARNING_ROLEPLAY_INBOX CONTACTS INVITATIONS RECOMMENDATIONS ENDORSEMENTS GROUPS
        MEMBER_FOLLOWING ALL_COMMENTS ALL_LIKES ALL_VOTES INSTANT_REPOSTS MEMBER_SHARE_INFO ARTICLES RICH_MEDIA
        SEARCHES ACTOR_SAVE_ITEM REVIEWS TRUSTED_GRAPH MARKETPLACE_ENGAGEMENTS MARKETPLACE_PROVIDERS
        MARKETPLACE_OPPORTUNITIES JOB_POSTINGS LEARNING_COACH_AI_TAKEOUT""",
    "it holds contact details, payments, logins or documents of identity": """
        PHONE_NUMBERS EMAIL_ADDRESSES LOGIN SECURITY_CHALLENGE_PIPE REGISTRATION RECEIPTS RECEIPTS_LBP ACCOUNT_HISTORY
        IDENTITY_CREDENTIALS_AND_ASSETS""",
    "it holds applications for jobs, and answers in them": """
        JOB_APPLICATIONS JOB_SEEKER_PREFERENCES SAVED_JOBS SAVED_JOB_ALERTS JOB_APPLICANT_SAVED_ANSWERS
        TALENT_QUESTION_SAVED_RESPONSE EASYAPPLY_BLOCKING""",
    "it may reveal convictions or other special categories of data": """
        AD_TARGETING ADS_CLICKED ADS_LAN INFERENCE_TAKEOUT CAUSES_YOU_CARE_ABOUT""",
    "its columns in the export are not known": "EVENTS LEARNING ORGANIZATIONS PATENTS TEST_SCORES PROFILE_SUMMARY",
    "it is read anyway": "PROFILE POSITIONS CONNECTIONS",
}
REFUSED: Mapping[str, str] = {name: why for why, names in _REASONS.items() for name in names.split()}
