"""The vocabulary of bios, in Dutch and English: professions, relations, and what negates them."""

from __future__ import annotations

import re


def _any(words: str) -> str:
    """A regular expression of the alternatives in *words*: `_` is a space, `*` the rest of a word."""
    return "(?:" + "|".join(word.replace("*", r"\w*").replace("_", " ") for word in words.split()) + r")\b"


# ---- patterns ---------------------------------------------------------------------------------------------------

# Professions and ranks; the first ones are Dutch endings.
ROLE = _any(
    """
    *adviseur *adviseuse *adviseurs *medewerker *medewerkster *leider *leidster *manager *inspecteur *jurist
    *juriste *analist *ontwikkelaar *onderzoeker *onderzoekster *specialist *specialiste *directeur *directrice
    *ambtenaar *ambtenares *ingenieur *secretaris *secretaresse *coordinator *beheerder *controller *auditor
    *architect *officier *rechercheur *woordvoerder *woordvoerster *voorlichter *voorlichtster *strateeg
    *programmeur *econoom *econome *oloog *ologe *kundige *arts *meester *bestuurder *begeleider *planner *expert
    *houder *trekker *schrijver *schrijfster *maker *makelaar *trainer *projectleider *verkeersleider *consulent
    *consulente *deskundige *wachter *toezichthouder *handhaver *beslisser *geleider *psycholoog *archivaris
    *bibliothecaris *conservator *chauffeur *monteur *technicus *vlieger *piloot *tolk *vertaler *griffier
    *rechter *ontwerper *bouwer *lid_mt mt_lid hoofd afdelingshoofd diensthoofd teamhoofd plv_hoofd teamlead chef baas
    dg directeur_generaal voorzitter
    boswachter loods *weerman *weervrouw weerpresentator ambassadeur ambassaderaad consul diplomaat attache
    *militair soldaat korporaal sergeant wachtmeester adjudant luitenant kapitein majoor kolonel generaal marinier
    matroos schipper commandant douanier fiscalist accountant statisticus data_scientist informaticus devops
    promovendus adviser advisor *officer *official official officials engineer analyst researcher scientist
    economist lawyer counsel director head deputy lead leader chief coordinator *secretary specialist inspector
    auditor accountant developer programmer designer architect administrator assistant clerk civil_servant
    public_servant diplomat ambassador attache spokesperson spokesman spokeswoman prosecutor detective
    investigator forecaster meteorologist *ologist physicist chemist biologist statistician modeller modeler
    mathematician historian archivist librarian curator planner strategist product_owner productowner scrum_master
    project_manager programme_manager manager expert doctor nurse vet veterinarian epidemiologist pilot soldier
    sailor marine captain major colonel col lt sergeant lieutenant commander policymaker policy_maker hydrologist
    postdoc fellow actuary legal_counsel legal_adviser legal_advisor
    """
)
# Fields of work, which indicate a job only with a handle ('communicatie @...').
WORK = _any(
    """
    *communicatie *beleid *innovatie *webcare *strategie legal policy comms communications operations engineering data
    ict hr strategy
    """
)
# Professions that deal with an organisation as outsiders, unless the population is of that trade.
TRADES: dict[str, str] = {
    "media": _any(
        """
    *journalist *journaliste *verslaggever *verslaggeefster *redacteur *redactrice *correspondent *correspondente
    *columnist *columniste *fotograaf *fotografe *presentator *presentatrice *hoofdredacteur *eindredacteur
    *nieuwslezer *podcastmaker *programmamaker *documentairemaker *cameraman *recensent *commentator *chef
    *publicist journo reporter editor journalist columnist correspondent photographer producer anchor newsreader
    *writer broadcaster presenter host critic graphics
    """
    ),
    "advice": _any(
        """
    *consultant *consultants lobbyist* *belangenbehartiger recruiter* *coach *trainer *accountmanager
    account_manager vendor* *leverancier supplier broker makelaar headhunter dagvoorzitter spreker speaker lobby
    public_affairs
    """
    ),
    "law": _any("advocaat advocate *advocaat attorney solicitor barrister rechtsbijstand*"),
    "teaching": _any(
        """
    *docent *docente *leraar *lerares *hoogleraar hoogleraren teacher lecturer professor prof onderwijzer* tutor
    """
    ),
    "arts": _any(
        """
    *kunstenaar artist auteur author *schrijver *schrijfster novelist *dichter poet activist* *activist
    """
    ),
}
FAMILY = _any(
    """
    man vrouw partner echtgenoot echtgenote husband wife spouse vader moeder papa mama pa ma zoon dochter broer
    zus zusje vriend vriendin girlfriend boyfriend son daughter father mother mum mom dad brother sister kind
    weduwe weduwnaar widow widower opa oma schoonzoon kleinzoon neef nicht buurman buurvrouw collega collegas
    colleague getrouwd married gehuwd fiance* verloofd* gezin
    """
)
# What shows by itself that someone works somewhere, and what does only with `bij` or `at`.
WORKS = _any(
    """
    werk werkt werkend werkende werkzaam dienst baan functie job work works working employed serve serves serving
    service position hired schrijf schrijft write writes edit fotografeer photograph teken report reports
    reporting
    """
)
IS_THERE = _any(
    """
    actief active slag zit ben am doe doen do help bouw bouwt build maak draft onderzoek onderzoekt research leid
    leidt lead run manage adviseer handel nu now thans tegenwoordig momenteel currently presently sinds since
    vanaf today ma di wo do vr maandag dinsdag woensdag donderdag vrijdag monday tuesday wednesday thursday friday
    mondays fridays
    """
)
# What someone may be, do or have at an organisation without being on its staff.
NO_JOB = _any(
    """
    *schuld schuld klant klanten client clients customers customer(?=_(?:at|of)) abonnee lid member bezwaar klacht
    klachten boos angry vraag vragen gast guest te_gast spreker speaker speech *cursus course studeer* studied
    study opgeleid trained educated opleiding bekend known seen gezien te_zien featured quoted aanwezig kijk lees
    koop bought gekocht geleend rekening aangifte huur huurder tenant wacht* waiting protest* demonstr* bezoek
    visit* liefhebber fan koffie lunch vlakbij near buurt werken vacature* vacanc* aanmeld* inschrijv* meld
    phd(?=_(?:at|bij)) *quiz examen exam passed geslaagd rang queue file gedoe ruzie winkel shop
    """
)
FORMER = _any(
    r"""
    (?<!jaar_)oud ex voormalig voormalige former formerly previous previously prev past voorheen vroeger vroegere eerder
    eerdere vorig vorige eertijds ooit once daarvoor hiervoor before was waren were werkte werkten worked gewerkt
    verliet gestopt quit used_to alumn* alum spent veteraan veteran* retired retd gepensioneerd* *pensioen
    pensionado* retirement b_d emeritus recovering bracht diende served weg_bij weggegaan afscheid oudgediende
    resigned interned laatst laatstelijk tot_19\d\d tot_20\d\d until_19\d\d until_20\d\d last_(?:at|job)
    left(?!_-)
    """
)
HOPEFUL = _any(
    """
    zou hoop hoopt hope hopes hoping hopeful* hoopvol hopelijk hopefully would_love would_like would_like_to droom
    droomt droombaan dream dreams dreaming aspir* ambieer* ambit* solliciteer* solliciteert sollicitat*
    sollicitant applicant toekomstig toekomstige wannabe seeking looking_for liefst ideally op_weg_naar straks
    later one_day ooit_nog job_hunting wens wish* candidate_for kandidaat_voor manifesting apply(?=_(?:to|at))
    applying applied_(?:to|at|for) future(?!_of) zoekt?_werk op_zoek_naar
    """
)
WANTS = _any("wil wilde want wants wanting zoek zoekt zoekend started begonnen begon")
SOON = _any(
    """
    binnenkort incoming soon start_(?:per|in|op) begin_(?:per|in|op) begint starting joins per_1 vanaf_1
    volgende_maand upcoming
    """
)
NEVER = _any(
    """
    niet geen nooit never not no nee don_t doesn_t didn_t isn_t ain_t wasn_t niets nothing noch neither anti
    zonder nergens definitely_not
    """
)
DISCLAIM = _any(
    """
    mening* meningen opinion* view* tweet* post* namens behalf represent* reflect* standpunt* statement* those die
    """
)
ABOUT = _any(
    """
    over about rond rondom omtrent regarding covering covers cover volgt volg volgen following follow follows
    followed watching watch watches kritisch critical criticus critic dossier dossiers beat tips interested
    geinteresseerd interesse interesses interests likes retweet retweets retweeten rts rt via reading reads read
    leest lees lezer reader readers kijkt kijk kijker viewer abonnee abonnees subscriber gaten eye portefeuille
    bekend known gezien zien seen quoted featured wob woo
    """
)
# Works on a subject; about an organisation only with a preposition ('nieuws over', 'news from').
WORKS_ON = _any(
    """
    news nieuws updates boek book history geschiedenis documentaire documentary podcast scriptie thesis vragen
    onderwerpen topics tweets posts
    """
)
AGAINST = _any(
    """
    tegen against versus vs richting boos angry slachtoffer slachtoffers victim victims gedupeerde gedupeerden
    strijd strijdt strijden fight fights fighting sue suing sues procedeer* procedeert wacht wachtend waiting
    wachten conflict ruzie abolish afschaffen weg_met stop fuck haat hate getroffen klacht klachten bezwaar
    """
)
SUPPLIER = _any(
    """
    klant klanten client clients opdrachtgever opdrachtgevers customers leverancier levert lever leveren supplier
    supplies supplying vendor waaronder including zoals such_as onder_meer onder_andere o_a oa bouwen_websites
    we_build wij_bouwen agency_for behalf bureau_voor bedient adviseert advises advising clientele
    """
)
LOBBY = _any("lobbyist* lobby lobbyen lobbies belangenbehartig*")
HIRED = _any(
    """
    freelance* zzp* zelfstandig* zzper contractor ingehuurd interim gedetacheerd* detacher* detachering seconded
    secondment assignment consultant* *consultant bylines byline opdracht inhuur uitzendkracht temp coach trainer
    uitgeleend contributor on_contract externe? external_(?:hire|consultant|expert)
    """
)
STUDENT = _any(
    """
    *stagiair *stagiaire *stagiairs *stage stageloper stagelopen werkstudent* afstudeer* intern interns interning
    internship *trainee *trainees traineeship cadet adelborst student studente studeert phd_candidate phd_student
    promovend* working_student apprentice leerling bbl mbo_student aio recruit
    """
)
RESERVE = _any(
    """
    reservist* *vrijwillig* volunteer* reserve reserves reserveofficier adviesraad advisory_board
    raad_van_toezicht raad_van_advies gastonderzoeker visiting bezoldigd commissielid
    """
)
POLITICS = _any(
    """
    *kamerlid *kamerleden mp mps mep senator statenlid parlementarier wethouder gedeputeerde burgemeester
    europarlementarier minister ministers staatssecretaris bewindspersoon kandidaat fractie* politiek_assistent
    *partij
    """
)
STAFF_BODY = _any(
    """
    or_lid ondernemingsraad works_council medezeggenschap* kaderlid vakbond* union shop_steward
    """
)
FAN = _any(
    """
    fan fans fanaccount fanpage fanatiekeling supporter supporters liefhebber liefhebster enthusiast love loves
    houdt_van hou_van admirer bewonderaar groupie
    """
)
PLACE = _any(
    """
    naast langs near next_to tegenover opposite outside buiten pand gebouw huisbaas landlord hoek corner buren
    """
)
NAMESAKE_BEFORE = _any(
    """
    gemeente gemeenten gemeentelijke municipality provincie waterschap *stichting foundation *vereniging
    association *bond *museum *hogeschool *universiteit university *school academie *bibliotheek vrienden *koor
    *orkest *club
    """
)
NAMESAKE_AFTER = _any(
    """
    bv nv vof ltd llc inc gmbh consulting consultancy consultants advies adviesbureau adviseurs museum bond
    fanclub solutions advocaten academy vakbond vereniging stichting koor orkest club museumwinkel
    """
)
# The same, directly after it.
NAMESAKE_NEXT = _any(
    """
    services software school personeel watch straat street square plein laan avenue park hotel cafe gemeente
    provincie waterschap shop store veteranen bonden
    """
)
COUNTRY = _any(
    """
    uk united_kingdom britain british england london scotland ireland irish belgium belgie belgisch belgische
    belgian brussel brussels vlaanderen vlaams vlaamse flemish wallonie germany duitsland german duitse berlin
    france frankrijk french franse paris suriname surinaamse surinamese aruba arubaanse curacao sint_maarten
    bonaire spain spanish italy italian poland polish ukraine ukrainian norway sweden denmark danish finland
    finnish estonia indonesia* usa us american india indian china chinese canada canadian australia australian
    south_africa ghana nigeria kenya turkey turkish morocco israel* republic republiek
    """
)
UNIT = _any(
    """
    directie afdeling directoraat dg programma programmadirectie projectdirectie bureau team unit department dept
    division eenheid cluster onderdeel
    """
)
FIELD = _any(
    """
    werkgever employer werk work job baan organisatie organisation organization company affiliation bedrijf
    werkt_bij works_at workplace werkplek functie employment
    """
)

# ---- names that need more evidence than occurring --------------------------------------------------------------------

# Abbreviations that mostly mean something else: a club, a country, a first name, a slang word, a state.
OTHER_READINGS = {
    "ad", "adr", "az", "bz", "def", "duo", "eli", "ez", "fin", "im", "ind", "iw", "jv", "nea", "rgd", "vj", "vro", "vw",
}  # fmt: skip
# Names that are also ordinary words or topics.
ORDINARY = {
    "defensie", "douane", "landmacht", "luchtmacht", "marechaussee", "marine", "justis", "metro", "parool", "trouw",
    "telegraaf", "standaard", "tijd", "elsevier", "guardian", "independent", "times", "post", "express", "mirror",
    "sun", "economist",
}  # fmt: skip
# Confidence of a handle that spells the organisation's name, but is not in the list.
SPELLED = {"short": "ambiguous", "ambiguous": "weak"}

# How people write a ministry's name; the marked forms mean the Dutch one.
DUTCH_FORMS = (
    "ministerie van {}", "ministerie {}", "ministerie voor {}", "ministerie v {}", "min van {}", "min v {}", "min {}",
)  # fmt: skip
MARKED_FORMS = (
    "dutch ministry of {}", "dutch ministry for {}", "netherlands ministry of {}", "ministry of {} of the netherlands",
    "ministry of {} the netherlands", "ministry of {} in the netherlands", "ministry of {} netherlands",
    "ministry of {} nl",
)  # fmt: skip
ENGLISH_FORMS = ("ministry of {}", "ministry of the {}", "ministry for {}", *MARKED_FORMS)
# What shows that a ministry in English is the Dutch one.
HOME = re.compile(
    r"\b(?:netherlands|nederland\w*|the hague|den haag|nl|holland|rijksoverheid"
    r"|dutch (?:civil|government|policy|public|diplomat|state|national))\b"
)
HOME_FLAG = "\U0001f1f3\U0001f1f1"
