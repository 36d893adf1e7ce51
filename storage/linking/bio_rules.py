"""What bios say of an organisation, in Dutch and English: tables of words, and one table of rules over them.

A rule is a regular expression over the words around one organisation: lower case, without accents, joined by single
spaces; `ORG` stands for the organisation, `OTHER` for another one, `@` and `#` before them for a handle and a hashtag,
and `| . , : ( ) -` for separators (`|`: a line break, bullet, slash, spaced dash or emoji; `-`: a hyphen in a
word). An apostrophe is a space, `&` and `and` are `en`. Every repetition is bounded, so that reading is linear.
"""

from __future__ import annotations

import re
from typing import NamedTuple


def _any(words: str) -> str:
    """A pattern of the alternatives in *words*: `_` is a space, `*` the rest of a word."""
    return "(?:" + "|".join(word.replace("*", r"\w*").replace("_", " ") for word in words.split()) + r")\b"


# ---- words ---------------------------------------------------------------------------------------------------

ARTICLE = r"(?:(?:de|het|een|t|the|a|an|mijn|my|our|onze|ons) )"
AT = r"(?:bij|at|voor|for|with|by|in|op|aan|binnen|within|namens)"
BY = r"(?:bij|at|binnen|within)"
AND = r"(?:en|of|or|plus|alsook|als|maar|but|who|die)"
WORD = r"(?:[\w-]+ )"
# Words up to the organisation, as long as no other employer comes between.
PLAIN = rf"(?:(?!OTHER|{AT} |via |met |from |uit |to |tussen |naast |tegen |over |about )[\w-]+ )"
ORG = rf"{ARTICLE}?(?:[@#] )?ORG\b"
OWN = rf"{ARTICLE}?(?:@ )?ORG\b"
START = r"(?<=[|.,:()] )"
END = r"(?= [|.,:()]| #|$)"
STAY = r"(?:(?!(?:nu|now|thans|tegenwoordig|currently|presently|momenteel|sinds|since|nowadays|these)\b)[\w-]+ )"

# Professions and ranks; the first row are Dutch endings.
ROLE = _any(
    """
    *adviseur *adviseuse *adviseurs *medewerker *medewerkster *leider *leidster *manager *inspecteur *jurist *juriste
    *analist *ontwikkelaar *onderzoeker *onderzoekster *specialist *specialiste *directeur *directrice *ambtenaar
    *ambtenares *ingenieur *secretaris *secretaresse *coordinator *beheerder *controller *auditor *architect *officier
    *rechercheur *woordvoerder *woordvoerster *voorlichter *voorlichtster *strateeg *programmeur *econoom *econome
    *oloog *ologe *kundige *arts *meester *bestuurder *begeleider *planner *expert *houder *trekker *schrijver
    *schrijfster *maker *makelaar *trainer *projectleider *verkeersleider *consulent *consulente *deskundige *wachter
    *toezichthouder *handhaver *beslisser *geleider *psycholoog *archivaris *bibliothecaris *conservator *chauffeur
    *monteur *technicus *vlieger *piloot *tolk *vertaler *griffier *rechter *ontwerper *bouwer *lid_mt mt_lid
    hoofd plv_hoofd teamlead chef baas dg directeur_generaal voorzitter boswachter loods *weerman *weervrouw weerpresentator
    ambassadeur ambassaderaad consul diplomaat attache
    *militair soldaat korporaal sergeant wachtmeester adjudant luitenant kapitein majoor kolonel generaal marinier matroos
    schipper commandant douanier fiscalist accountant statisticus data_scientist informaticus devops promovendus
    *communicatie *beleid *innovatie *webcare
    adviser advisor *officer *official official officials engineer analyst researcher scientist economist lawyer counsel legal
    director head deputy lead leader chief coordinator *secretary specialist inspector auditor accountant
    developer programmer designer architect administrator assistant clerk civil_servant public_servant diplomat ambassador
    attache spokesperson spokesman spokeswoman prosecutor detective investigator forecaster meteorologist *ologist
    physicist chemist biologist statistician modeller modeler mathematician historian archivist librarian curator planner
    strategist product_owner productowner scrum_master project_manager programme_manager manager expert doctor nurse vet
    veterinarian epidemiologist pilot soldier sailor marine captain major colonel col lt sergeant lieutenant commander
    policy policymaker policy_maker comms communications operations engineering hydrologist postdoc fellow actuary
    """
)
# Professions that deal with an organisation as outsiders do, unless its people are of that trade themselves.
TRADES: dict[str, str] = {
    "media": _any(
        """
        *journalist *journaliste *verslaggever *verslaggeefster *redacteur *redactrice *correspondent *correspondente
        *columnist *columniste *fotograaf *fotografe *presentator *presentatrice *hoofdredacteur *eindredacteur *nieuwslezer
        *podcastmaker *programmamaker *documentairemaker *cameraman *recensent *commentator *chef *publicist
        journo reporter editor journalist columnist correspondent photographer producer anchor newsreader *writer
        broadcaster presenter host critic graphics
        """
    ),
    "advice": _any(
        """
        *consultant *consultants lobbyist* *belangenbehartiger recruiter* *coach *trainer *accountmanager account_manager vendor*
        *leverancier supplier broker makelaar headhunter dagvoorzitter spreker speaker lobby public_affairs
        """
    ),
    "law": _any("advocaat advocate *advocaat attorney solicitor barrister rechtsbijstand*"),
    "teaching": _any(
        "*docent *docente *leraar *lerares *hoogleraar hoogleraren teacher lecturer professor prof onderwijzer* tutor"
    ),
    "arts": _any("*kunstenaar artist auteur author *schrijver *schrijfster novelist *dichter poet activist* *activist"),
}
FAMILY = _any(
    """
    man vrouw partner echtgenoot echtgenote husband wife spouse vader moeder papa mama pa ma zoon dochter broer zus zusje
    vriend vriendin girlfriend boyfriend son daughter father mother mum mom dad brother sister kind weduwe weduwnaar widow
    widower opa oma schoonzoon kleinzoon neef nicht buurman buurvrouw getrouwd married gehuwd fiance* verloofd* gezin
    """
)
# What says by itself that somebody works somewhere, and what does only together with `bij` or `at`.
WORKS = _any(
    """
    werk werkt werkend werkende werkzaam dienst baan functie job work works working employed serve serves serving service
    position hired schrijf schrijft write writes edit fotografeer photograph teken report reports reporting
    """
)
IS_THERE = _any(
    """
    actief active slag zit ben am doe doen do help bouw bouwt build maak draft onderzoek onderzoekt research leid leidt lead run
    manage adviseer handel nu now thans tegenwoordig momenteel currently presently sinds since vanaf today
    ma di wo do vr maandag dinsdag woensdag donderdag vrijdag monday tuesday wednesday thursday friday mondays fridays
    """
)
# What somebody may be, do or have at an organisation without being of its staff.
NO_JOB = _any(
    """
    *schuld schuld klant klanten client clients customers customer(?=_(?:at|of)) abonnee lid member bezwaar klacht klachten boos angry vraag vragen
    gast guest te_gast spreker speaker speech *cursus course studeer* studied study opgeleid trained educated opleiding
    bekend known seen gezien te_zien featured quoted aanwezig kijk lees koop bought gekocht geleend rekening aangifte huur
    huurder tenant wacht* waiting protest* demonstr* bezoek visit* liefhebber fan koffie lunch vlakbij near buurt
    werken vacature* vacanc* aanmeld* inschrijv* meld phd(?=_(?:at|bij)) *quiz examen exam passed geslaagd rang queue file gedoe ruzie
    winkel shop
    """
)
FORMER = _any(
    r"""
    oud ex voormalig voormalige former formerly previous previously prev past voorheen vroeger vroegere eerder eerdere
    vorig vorige eertijds ooit once daarvoor hiervoor before was waren were werkte werkten worked gewerkt left verliet
    gestopt quit used_to alumn* alum spent veteraan veteran* retired retd gepensioneerd* *pensioen pensionado* retirement
    b_d emeritus begonnen begon started recovering bracht diende served jarenlang gepensioeneerd weg_bij weggegaan
    afscheid oudgediende resigned interned last laatst laatstelijk tot_19\d\d tot_20\d\d until_19\d\d until_20\d\d
    """
)
HOPEFUL = _any(
    """
    zou hoop hoopt hope hopes hoping hopeful* hoopvol hopelijk hopefully wil wilde want wants wanting would_love would_like
    would_like_to droom droomt droombaan dream dreams dreaming aspir* ambieer* ambit* solliciteer* solliciteert
    sollicitat* sollicitant apply applying applied applicant toekomstig toekomstige future wannabe zoek zoekt zoekend
    seeking looking_for liefst ideally op_weg_naar straks later one_day ooit_nog job_hunting wens wish* candidate_for
    kandidaat_voor manifesting
    """
)
SOON = _any("binnenkort incoming soon begin start starting joining joins per_1 vanaf_1 begint volgende_maand upcoming")
NEVER = _any(
    """
    niet geen nooit never not no nee don_t doesn_t didn_t isn_t ain_t wasn_t niets nothing noch neither anti zonder
    nergens definitely_not
    """
)
DISCLAIM = _any(
    "mening* meningen opinion* view* tweet* post* namens behalf represent* reflect* standpunt* statement* those die"
)
ABOUT = _any(
    """
    over about rond rondom omtrent regarding covering covers cover volgt volg volgen following follow follows followed
    watching watch watches kritisch critical criticus critic dossier dossiers beat tips nieuws news updates interested
    geinteresseerd interesse interesses interests likes retweet retweets retweeten rts rt via reading reads read leest
    lees lezer reader readers kijkt kijk kijker viewer abonnee abonnees subscriber gaten eye portefeuille boek book history
    geschiedenis documentaire documentary podcast scriptie thesis vragen bekend known gezien zien seen quoted featured
    wob woo onderwerpen topics
    """
)
AGAINST = _any(
    """
    tegen against versus vs richting boos angry slachtoffer slachtoffers victim victims gedupeerde gedupeerden strijd
    strijdt strijden fight fights fighting sue suing sues procedeer* procedeert wacht wachtend waiting wachten conflict ruzie abolish
    afschaffen weg_met stop fuck haat hate getroffen klacht klachten bezwaar
    """
)
SUPPLIER = _any(
    """
    klant klanten client clients opdrachtgever opdrachtgevers customers leverancier levert lever leveren supplier supplies
    supplying vendor lobbyist* lobby lobbyen belangenbehartig* waaronder including zoals such_as onder_meer onder_andere o_a
    oa bouwen_websites we_build wij_bouwen agency_for behalf bureau_voor bedient adviseert advises advising clientele
    """
)
HIRED = _any(
    """
    freelance* zzp* zelfstandig* zzper contractor contract ingehuurd extern externe external interim gedetacheerd*
    detacher* detachering seconded secondment assignment consultant* *consultant bylines byline opdracht inhuur uitzendkracht
    temp coach trainer uitgeleend contributor
    """
)
STUDENT = _any(
    """
    *stagiair *stagiaire *stagiairs *stage stageloper stagelopen werkstudent* afstudeer* intern interns interning internship
    *trainee *trainees traineeship cadet adelborst student studente studeert phd_candidate phd_student promovend*
    working_student apprentice leerling bbl mbo_student aio recruit
    """
)
RESERVE = _any(
    """
    reservist* *vrijwillig* volunteer* reserve reserves reserveofficier adviesraad advisory_board raad_van_toezicht
    raad_van_advies gastonderzoeker visiting bezoldigd commissielid
    """
)
POLITICS = _any(
    """
    *kamerlid *kamerleden mp mps mep senator statenlid parlementarier wethouder gedeputeerde burgemeester europarlementarier
    minister ministers staatssecretaris bewindspersoon kandidaat fractie* politiek_assistent *partij
    """
)
STAFF_BODY = _any("or_lid ondernemingsraad works_council medezeggenschap* kaderlid vakbond* union shop_steward")
FAN = _any(
    "fan fans fanaccount fanpage fanatiekeling supporter supporters liefhebber liefhebster enthusiast love loves houdt_van hou_van admirer bewonderaar groupie"
)
PLACE = _any(
    "naast langs near next_to tegenover opposite outside buiten pand gebouw building huisbaas landlord hoek corner buren"
)
NAMESAKE_BEFORE = _any(
    """
    gemeente gemeenten gemeentelijke municipality provincie waterschap *stichting foundation *vereniging association *bond
    *museum *hogeschool *universiteit university *school academie *bibliotheek vrienden *koor *orkest *club
    """
)
NAMESAKE_AFTER = _any(
    """
    bv nv vof ltd llc inc gmbh consulting consultancy consultants advies adviesbureau adviseurs museum bond fanclub watch
    solutions services software advocaten academy vakbond vereniging stichting koor orkest club straat street square plein
    laan avenue park hotel cafe gemeente provincie waterschap museumwinkel school shop store veteranen personeel bonden
    """
)
COUNTRY = _any(
    """
    uk united_kingdom britain british england london scotland ireland irish belgium belgie belgisch belgische belgian brussel
    brussels vlaanderen vlaams vlaamse flemish wallonie germany duitsland german duitse berlin france frankrijk french franse
    paris suriname surinaamse surinamese aruba arubaanse curacao sint_maarten bonaire spain spanish italy italian poland polish
    ukraine ukrainian norway sweden denmark danish finland finnish estonia indonesia* usa us american india indian china chinese
    canada canadian australia australian south_africa ghana nigeria kenya turkey turkish morocco israel* republic republiek
    """
)
UNIT = _any(
    "directie afdeling directoraat dg programma programmadirectie projectdirectie bureau team unit department dept division eenheid cluster onderdeel"
)
FIELD = _any(
    "werkgever employer werk work job baan organisatie organisation organization company affiliation bedrijf werkt_bij works_at workplace werkplek functie employment"
)

# ---- names that need more than being there ---------------------------------------------------------------------

# Abbreviations that are mostly something else: a club, a country, a first name, a slang word, a state.
OTHER_READINGS = frozenset("ad adr az bz def duo eli ez fin im ind iw jv nea rgd vj vro vw".split())
# Names that are ordinary words or topics as well.
ORDINARY = frozenset(
    "defensie douane landmacht luchtmacht marechaussee marine justis metro parool trouw telegraaf standaard tijd"
    " elsevier guardian independent times post express mirror sun economist".split()
)  # fmt: skip
# How sure a handle is that nobody said is the organisation's, but that spells its name.
SPELLED = {"short": "ambiguous", "ambiguous": "weak"}

# How people write a ministry's name; the last of the English forms say that it is the Dutch one.
DUTCH_FORMS = (
    "ministerie van {}", "ministerie {}", "ministerie voor {}", "ministerie v {}", "min van {}", "min v {}", "min {}",
)  # fmt: skip
MARKED_FORMS = (
    "dutch ministry of {}", "dutch ministry for {}", "netherlands ministry of {}", "ministry of {} of the netherlands",
    "ministry of {} the netherlands", "ministry of {} in the netherlands", "ministry of {} netherlands", "ministry of {} nl",
)  # fmt: skip
ENGLISH_FORMS = ("ministry of {}", "ministry of the {}", "ministry for {}", *MARKED_FORMS)
# What says that a ministry in English is the Dutch one.
HOME = re.compile(r"\b(?:dutch|netherlands|nederland\w*|the hague|den haag|nl|holland|ministerie|rijksoverheid)\b")
HOME_FLAG = "\U0001f1f3\U0001f1f1"

# ---- rules -----------------------------------------------------------------------------------------------------


class Rule(NamedTuple):
    """A way of speaking of an organisation: its name, what it says of the writer, how sure, and its words.

    `sure` is the confidence that the writer is a member, or for ties a row of `TIES`.
    """

    name: str
    stance: str
    sure: float | str
    pattern: re.Pattern[str]


def _rule(name: str, stance: str, sure: float | str, pattern: str) -> Rule:
    return Rule(name, stance, sure, re.compile(pattern))


# How sure a tie is, by the strength of the name (see `Name` in bios.py).
TIES: dict[str, dict[str, float]] = {
    "explicit": {"full": 0.95, "short": 0.9, "word": 0.9, "ambiguous": 0.85, "foreign": 0.5, "weak": 0.5},
    "role": {"full": 0.9, "short": 0.85, "word": 0.5, "ambiguous": 0.5, "foreign": 0.45, "weak": 0.2},
    "role-of": {"full": 0.9, "short": 0.85, "word": 0.8, "ambiguous": 0.5, "foreign": 0.45, "weak": 0.2},
    "elsewhere": {"full": 0.3, "short": 0.3, "word": 0.3, "ambiguous": 0.2, "foreign": 0.3, "weak": 0.1},
    "bare": {"full": 0.6, "short": 0.55, "word": 0.5, "ambiguous": 0.5, "foreign": 0.3, "weak": 0.2},
    "alone": {"full": 0.5, "short": 0.4, "word": 0.35, "ambiguous": 0.35, "foreign": 0.3, "weak": 0.1},
    "mention": {"full": 0.2, "short": 0.1, "word": 0.1, "ambiguous": 0.05, "foreign": 0.1, "weak": 0.0},
}

# The first that matches decides.
RULES: tuple[Rule, ...] = (
    _rule("part-of-a-name", "about-others", 0.1, rf"\b{NAMESAKE_BEFORE} (?:(?!bij |at |en )[\w-]+ ){{0,3}}ORG\b"),
    _rule("part-of-a-name", "about-others", 0.1,
          rf"\bORG (?:- )?(?:(?:bij|van|in|of|at) )?(?:de |het |the )?(?:(?!{AT} )[\w-]+ ){{0,2}}{NAMESAKE_AFTER}"),
    _rule("compound", "about-others", 0.1, rf"\b(?!(?:oud|ex|voormalig|anti|niet|non) )\w+ - ORG\b|\bORG - (?!(?:\w+ ){{0,1}}{ROLE}|(?:\w+ )?{TRADES['media']})\w+"),
    _rule("soon", "hopeful", 0.45, rf"\b{SOON} {STAY}{{0,8}}{ORG}"),
    _rule("hopeful", "hopeful", 0.1, rf"\b{HOPEFUL} (?:: )?{STAY}{{0,9}}{ORG}"),
    _rule("former-or-both", "former", 0.35, rf"\b{FORMER} (?:- )?{STAY}{{1,3}}en {STAY}{{0,4}}{BY} {ORG}"),
    _rule("former", "former", 0.05, rf"\b{FORMER} (?:- |\) |: )?{STAY}{{0,9}}(?:[(:] )?{ORG}"),
    _rule("former", "former", 0.05, rf"\b(?:na|after) \d+ (?:jaar|years) {STAY}{{0,3}}{ORG}"),
    _rule("former", "former", 0.05, r"\b(?:19|20)\d\d (?:- |\| |tot |to |until )(?:19|20)\d\d (?:: |, )?(?:[\w-]+ ){0,3}ORG\b"),
    _rule("former", "former", 0.05,
          r"\bORG (?:\( |, )?(?:[\w-]+ ){0,3}(?:(?:19|20)\d\d (?:- |\| |tot |to |until )(?:19|20)\d\d|gewerkt|veteran|veteraan|alum\w*"
          r"|anymore|retired|until (?:19|20)\d\d|tot (?:19|20)\d\d)\b"),
    _rule("employer-disclaimed", "current", "explicit", rf"\b(?:werkgever|employer)(?: is)? (?:[,:(] )?{ORG}"),
    _rule("disclaimed", "disclaimer", 0.5,
          rf"\b{NEVER} (?:[\w-]+ ){{0,2}}{DISCLAIM} (?:[\w-]+ ){{0,3}}{ORG}|\b{DISCLAIM} {NEVER} (?:[\w-]+ ){{0,4}}{ORG}"
          rf"|\b{DISCLAIM} (?:[\w-]+ ){{0,3}}{NEVER} (?:represent|reflect|namens)\w* (?:[\w-]+ ){{0,3}}{ORG}"),
    _rule("denied", "denied", 0.02, rf"\b{NEVER} (?!alleen |only |just |slechts |zomaar ){WORD}{{0,6}}{ORG}"),
    _rule("family", "about-others", 0.05, rf"\b(?:mijn|my|ons|our) {FAMILY} {WORD}{{0,7}}{ORG}"),
    _rule("family", "about-others", 0.05, rf"\b{FAMILY} (?:van|of|met|to|with) (?:een|de|het|a|an|the) {WORD}{{0,5}}(?:[(,] )?{ORG}"),
    _rule("family", "about-others", 0.05, rf"{START}{FAMILY} (?:zit|werkt|works|is|serves|van|of) {WORD}{{0,5}}{ORG}"),
    _rule("recruiting", "organisation", 0.05,
          rf"\b(?:werken bij|kom werken|vacatures? (?:en \w+ )?(?:bij|van)|join|jobs at|vacancies at|solliciteren bij) {ORG}"),
    _rule("official-account", "organisation", 0.05,
          rf"\b(?:official|officieel|officiele) (?:\w+ ){{1,5}}{ORG}|\b(?:wij zijn|we are|welkom bij|welcome to|dit is) (?:\w+ ){{0,3}}{ORG}"
          rf"|\b(?:nieuws|news|updates|berichten|tweets|latest|feed) (?:en \w+ )?(?:van|from|uit) (?:\w+ ){{0,5}}{ORG}"),
    _rule("fan", "about-others", 0.05, rf"\b{FAN} (?:van |of |for )?{WORD}{{0,6}}{ORG}|\bORG (?:\w+ )?(?:fan|fans|enthusiast|liefhebber|addict|nerd)\b"),
    _rule("against", "about-others", 0.05, rf"\b{AGAINST} {WORD}{{0,5}}{ORG}"),
    _rule("about", "about-others", 0.05,
          rf"\b{ABOUT} (?::|ook :)? ?(?:(?!(?:bij|at|voor|for|with) )[\w-]+ ){{0,6}}{ORG}"),
    _rule("supplier", "supplier", 0.1, rf"\b{SUPPLIER} (?::)? ?{WORD}{{0,6}}{ORG}"),
    _rule("supplier", "supplier", 0.15, rf"\b{TRADES['advice']} {WORD}{{0,4}}(?:voor|for|aan|to) {ORG}"),
    _rule("place", "about-others", 0.1, rf"\b{PLACE} {WORD}{{0,4}}{ORG}"),
    _rule("speaks-for-it-elsewhere", "about-others", "elsewhere",
          rf"\bORG (?:bij|at|namens) (?!(?:de |het |the )?{UNIT})[\w-]+"),
    # what is left are ties
    _rule("employer-field", "current", "explicit", rf"\b{FIELD} (?:: |\| )(?:{PLAIN}{{0,4}}(?:[,|] )?)?(?:{BY} )?{ORG}"),
    _rule("works-at", "current", "explicit",
          rf"\b{WORKS} (?:: )?(?!{NO_JOB})(?:(?!OTHER|{NO_JOB})[\w-]+ ){{0,9}}(?:{BY}|voor|for|in|op|by) {ORG}"),
    _rule("works-at", "current", "explicit",
          rf"\b{IS_THERE} (?:: )?(?!{NO_JOB})(?:(?!OTHER|{NO_JOB})[\w-]+ ){{0,9}}{BY} {ORG}"),
    _rule("role-at", "current", "explicit", rf"\b(?:{ROLE}|{TRADES['media']}) (?:[,(] )?(?:(?!OTHER|{NO_JOB})[\w-]+ ){{0,7}}{BY} {ORG}"),
    _rule("role-in", "current", "role", rf"\b(?:{ROLE}|{TRADES['media']}) (?:[,(] )?(?:(?!OTHER|{NO_JOB})[\w-]+ ){{0,7}}{AT} {ORG}"),
    _rule("role-of", "current", "role-of", rf"\b(?:{ROLE}|{TRADES['media']}) {PLAIN}{{0,3}}(?:van|of|der) {ORG}"),
    _rule("works-at", "current", "explicit", rf"\b(?:in dienst van|employee of|werknemer van|employed by) {ORG}"),
    _rule("works-at", "current", "explicit", rf"{START}(?:nu|now|thans|currently|tegenwoordig|ma - \w\w|mon - \w\w\w) (?:: )?{ORG}"),
    _rule("runs", "current", "role-of", rf"\b(?:ik|i) (?:edit|lead|run|manage|head|leid|bestuur) {PLAIN}{{0,5}}(?:van|of) {ORG}"),
    _rule("its-role", "current", "role", rf"\bORG (?:- )?(?:(?!en |{AT} )\w+ ){{0,2}}?(?:{ROLE}|{TRADES['media']})"),
    _rule("role-beside", "current", "role", rf"\b(?:{ROLE}|{TRADES['media']}) (?:- )?{PLAIN}{{0,5}}{OWN}"),
    _rule("role-beside", "current", "role", rf"\b(?:{ROLE}|{TRADES['media']}) (?:- )?{PLAIN}{{0,5}}[|.,(:] (?:[(@] )?{OWN}{END}"),
    _rule("its-staff", "current", "role", r"\bORG (?:er|ster)\b"),
    _rule("unit-of", "current", "role", rf"\b{UNIT} {PLAIN}{{0,4}}(?:[,|(] |van |of )?{OWN}"),
    _rule("at", "current", "explicit", rf"{START}(?:(?!OTHER|{NO_JOB}|{AND} |{AT} )[\w-]+ ){{0,6}}{BY} {ORG}"),
    _rule("borderline-at", "current", "bare",
          rf"\b(?:{STUDENT}|{HIRED}|{RESERVE}|{POLITICS}) (?:er )?(?:, )?(?:(?!{NO_JOB})[\w-]+ ){{0,6}}(?:{AT} |to |van |of )?{ORG}"),
    _rule("tagged", "current", "bare", rf"\b(?:{ROLE}|{TRADES['media']}) {PLAIN}{{0,3}}# ORG\b"),
    _rule("bare-at", "current", "bare", rf"\b{BY} {ORG}"),
    _rule("its-role", "current", "bare", rf"{START}{OWN} [|,:] (?:\w+ )?{ROLE}"),
    _rule("named", "current", "alone", rf"{START}{OWN}{END}"),
    _rule("named", "current", "alone", rf"@ ORG\b{END}"),
    _rule("mentioned", "mentioned", "mention", r"\bORG\b"),
)  # fmt: skip

# What lowers a tie: words before the organisation, or right behind it.
CAVEATS: tuple[Rule, ...] = (
    _rule("student", "student", 0.45, rf"(?<!oud - )(?<!ex - )(?<!former )(?<!formerly )\b{STUDENT} [^.]*?\bORG\b"),
    _rule("hired", "hired", 0.4, rf"(?<!oud - )(?<!ex - )\b{HIRED} [^|]*?\bORG\b|\bORG (?:\w+ )?via\b"),
    _rule("reserve", "volunteer", 0.4, rf"\b{RESERVE} [^|.]*?\bORG\b|\bORG \( {RESERVE}"),
    _rule("politician", "politician", 0.35, rf"\b{POLITICS} [^|.]*?\bORG\b"),
    _rule("staff-body", "staff-body", 0.45, rf"\b{STAFF_BODY} [^|.]*?\bORG\b|\bORG , (?:\w+ )?{STAFF_BODY}"),
    _rule("another-country", "about-others", 0.1,
          rf"\b{COUNTRY} (?:\w+ )?(?:, )?{ORG}|\bORG (?:[,(|] )?(?:of |in |van |te )?(?:the )?{COUNTRY}"),
)  # fmt: skip

# What the whole bio says of all that stands in it.
FLAGS: tuple[Rule, ...] = (
    _rule("parody", "ironic", 0.1, r"\b(?:parod\w+|satir\w+|fictief|fictional|nepaccount|neppe|fake|spoof|grap|roleplay|not the real)\b"),
    _rule("fan-account", "about-others", 0.1, r"\bfan ?(?:- )?(?:account|page|pagina)\b|\bfanaccount\b|\bfanpage\b"),
    _rule("thing", "ironic", 0.25,
          r"\b(?:ik ben|i am|i m) (?:de|het|the) (?:\w+ )?(?:kat|hond|cat|dog|plant|koffieautomaat|printer|lift|traffic|gebouw)\b"
          r"|\b(?:koffieautomaat|office plant|printer|plant|kat) (?:van|at|of|in)\b"),
    _rule("unofficial", "ironic", 0.45, r"\b(?:unofficial|niet officieel|onofficieel)\b"),
    _rule("retired", "former", 0.4,
          r"\b(?<!not )(?:gepensioneerde?n?|retired|retd|pensionado|met pensioen|mijn pensioen|retirement|aow er|b d|emeritus)\b"),
    _rule("official-account", "organisation", 0.3,
          r"\b(?:webcare (?:van|aanwezig|op|is|team)|team webcare|follow us|volg ons|(?:this is the )?official (?:account|feed|page|twitter) (?:of|for|from)"
          r"|officieel (?:account|kanaal) van|stel ze ons|vacaturepagina)\b"),
    _rule("no-civil-servant", "denied", 0.3, r"\b(?:geen|niet een|not a|no) (?:ambtenaar|civil servant|journalist|medewerker|employee)\b"),
)  # fmt: skip

DISCLAIMER = re.compile(
    r"\b(?:(?:all |own |eigen |mijn |my )?(?:views?|opinions?|tweets?|posts?|mening|meningen|thoughts) (?:are |is |zijn |expressed are |= )?"
    r"(?:all |entirely |strictly )?(?:my own|mine|mijn eigen|van mij|prive|eigen|own|personal)"
    r"|own (?:views|opinions)|eigen (?:mening|titel)|persoonlijke titel|(?:rt|rts|retweets?) (?:is |are |\| )?(?:not |geen |no |don t mean |do not equal )?"
    r"(?:an )?endorsements?|my views|mijn mening|opinions (?:are )?mine)\b"
)
# Between two organisations of which the same is said; of one group; and in a list.
PART = r"(?:onderdeel van|part of|(?:een )?(?:dienst|agentschap|uitvoeringsorganisatie) van|an agency of)"
JOINED = re.compile(rf"\bOTHER (?:(?:en|als|plus) |(?:[,(|] )?{PART} ){OWN}")
WITHIN = re.compile(rf"\bOTHER (?:[(|,] |- |van |of ){OWN}")
LISTED = re.compile(rf"\bOTHER (?:, |en ){OWN}")
CONTRADICTING = {"denied", "ironic", "former"}
OUTSIDER = _rule("outsider", "about-others", 0.35, r"\bORG\b")
