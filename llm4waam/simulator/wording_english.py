"""English wordings of the operator's notes: [a|b] stands for a or b. Never the outcome."""

HINTS = {
    "contamination": (
        "[thin|slight|bit of] [oil|grease|coolant] film on the [plate|substrate][, wiped|]",
        "[some|a little] [rust|mill scale|oxide] near the [start|edge|clamp][, brushed|]",
        "[plate|substrate] [a bit|slightly] [greasy|dusty|dull]",
        "acetone [nearly out|almost empty], [quick|light] wipe only",
        "fingerprints on the [plate|substrate|wire]",
    ),
    "feed": (
        "feeder [humming|clicking|a bit jerky] [today|this morning|at set-up]",
        "wire [slightly|a little] [loose|springy] in the liner",
        "spool brake [a bit|slightly] [tight|stiff]",
        "[small|one] twitch in the wire feed [at strike|on inching]",
        "rolls [could do with|due] a clean",
    ),
    "gas": (
        "flow meter [flickers|dips] [a bit|slightly]",
        "[side door|roller door|window] open, [light|slight] draught",
        "[gas|argon] bottle [getting low|under 30 bar]",
        "gas nozzle [a little|slightly] [dirty|sooty]",
    ),
    "arc": (
        "arc [a bit|slightly|somewhat] [nervous|noisy|rough] at strike",
        "needed [two|2] strikes",
        "[some|a little|bit of] spatter at strike",
        "arc sound [not quite even|a little harsh]",
    ),
    "tip": (
        "contact tip [a bit|slightly|somewhat] worn",
        "tip [due for change|near its end|no longer new]",
        "tip bore [looks|seems] [a little|slightly] oval",
        "same tip for [two|three|3] shifts",
    ),
    "blow": (
        "[slight|little|some] arc blow [near the edge|at the clamp|on the left]",
        "arc [leans|pulls] [a bit|slightly] to the [left|right|clamp]",
        "[plate|substrate] [slightly|a bit] magnetic",
    ),
}

PLAIN = {
    "contamination": (
        "[plate|substrate] [very oily|oily all over|covered in grease|soaked with coolant], "
        "[no acetone left|could not clean it|not cleaned]",
        "[heavy|thick] [rust|mill scale|oxide] [on the plate|under the torch path], "
        "[left as is|no grinder free|did not grind]",
        "wire [rusty|greasy|filthy] [all along|on the whole spool], "
        "[no other spool|used it anyway]",
        "[smoke and popping|lots of smoke] at strike, [plate|wire] [never degreased|filthy]",
    ),
    "feed": (
        "wire feed [stuttering|slipping|jerking] [badly|all the time|again and again]",
        "drive rolls [worn out|slipping], wire [comes in bursts|stops and goes]",
        "liner [clogged|kinked], wire feed [pulsing|surging] [hard|badly]",
        "bird nest at the [feeder|drive rolls], [untangled in a hurry|pulled free and went on]",
    ),
    "gas": (
        "[almost no|hardly any] [gas|argon] at the [nozzle|torch]",
        "[gas|argon] bottle [empty|ran out] [at strike|while setting up], [no spare|went on]",
        "gas hose [leaking|split|off its fitting], [hissing loudly|strong hiss]",
        "strong draught [from the door|over the table], shielding [blown away|gone]",
        "nozzle [blocked|clogged] with spatter, [no|hardly any] [gas|shielding]",
    ),
    "arc": (
        "arc [wild|very unstable|all over the place] [at strike|from the start], [popping|banging]",
        "[five|six|many] strikes before it lit, arc [spits|flutters] [badly|hard]",
        "[heavy|loads of] spatter at strike, arc [wandering|fluttering]",
        "earth clamp [loose|glowing], arc [dying and coming back|jumps about]",
    ),
    "tip": (
        "contact tip [burnt|badly worn|worn right through], [no spare|not replaced]",
        "tip [far too wide|finished], wire [wobbles|swings] [badly|a lot]",
        "[burnback|burn back] [before|at] strike, tip [half melted|stuck solid], "
        "[filed it and went on|kept it]",
    ),
    "blow": (
        "[strong|heavy|severe] arc blow, arc [pushed|bent] [forward|sideways|off the line]",
        "[plate|substrate] [strongly|heavily] magnetised [by the chuck|after the crane], "
        "arc [bends away|will not stay on the line]",
        "earth clamp on the wrong side, arc [blown|pulled] [sideways|backwards] [hard|a lot]",
    ),
}

NEUTRAL = (
    "[new|second|third] spool [opened|mounted]",
    "[first|second|last] run [before|after] [lunch|the break|shift change]",
    "plate no. [3|7|11|14|22]",
    "[camera|logger|pyrometer] [on|restarted|moved to the left]",
    "program [12|17|31] loaded",
    "[student|visitor|new colleague] [watching|at the panel]",
    "thermocouple [1|2|3] glued again",
    "[coffee machine|printer|radio] broken again",
    "lights flickering in the hall",
    "oil on the floor near the [door|crane], not on the plate",
    "[gas|argon] bottle of the next cell is empty, ours is full",
    "worn gloves thrown out",
    "feeder of cell [2|4] jams, not this one",
    "rusty plates sorted out for scrap, this one is from the new batch",
)

REASSURING = (
    "no spatter, arc [quiet|steady|soft]",
    "[plate|substrate] [ground|degreased|cleaned with acetone], [dry|no oil|no rust]",
    "[gas|argon] [flow checked|bottle changed], no leak",
    "[new|fresh] contact tip, wire [runs freely|feeds smoothly]",
    "no arc blow [seen|at the strike]",
    "[nothing to report|nothing unusual] at set-up",
    "old tip swapped for a new one, liner blown out",
    "was oily, [now degreased and dry|cleaned twice, no film left]",
)

BEFORE = ("", "", "", "", "note: ", "set-up: ", "at strike: ", "before start: ", "op 2: ")
AFTER = ("", "", "", "", ".", " (photo taken)", ", told the foreman", " - shift 2", " / mk")

SHORT = (  # shop-floor abbreviations
    ("contact tip", "CT"),
    ("wire feed", "WF"),
    ("at the", "@"),
    ("with", "w/"),
    ("slightly", "slt."),
    ("substrate", "subst."),
    ("before", "bef."),
    ("a little", "ltl"),
    ("bottle", "btl"),
)
