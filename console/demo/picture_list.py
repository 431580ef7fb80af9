"""What the demo's pictures show: a row each of slug, drawing and its options."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PIL import Image

from console.demo.pictures import (
    Picture,
    aurora,
    bars,
    donut,
    event,
    line_chart,
    mountains,
    night,
    quote,
    recipe,
    shore,
    tiles,
)

Row = tuple[str, Callable[..., Image.Image], dict[str, Any]]

LANDSCAPES: tuple[Row, ...] = (
    (
        "alps-dawn",
        mountains,
        {"sky": "5b7fb5 b9c4dc f6d6c4 ffe9cf", "far": "c9b6bf", "near": "1e2a3d", "sun": "ffd7a0", "at": (480, 400)},
    ),
    (
        "teal-range",
        mountains,
        {"sky": "0f4c5c 5fa8a8 d9ead3 fbf3d9", "far": "9cc5bf", "near": "062a33", "sun": "fff3c4", "at": (230, 340)},
    ),
    (
        "red-evening",
        mountains,
        {"sky": "3d1e4f a03a5b ee7b5c ffc27d", "far": "d98a78", "near": "220e2a", "sun": "ffd08a", "at": (360, 470)},
    ),
    (
        "blue-hour",
        mountains,
        {"sky": "14213d 2f4b7c 7088b8 c7c3d9", "far": "7f8fb8", "near": "0a1020", "sun": "dfe6ff", "at": (520, 300)},
    ),
    (
        "autumn-valley",
        mountains,
        {"sky": "89a6b0 d8d6c2 f4dfb1 f3c98b", "far": "d6b183", "near": "3b2417", "sun": "fff0c9", "at": (200, 390)},
    ),
    (
        "violet-morning",
        mountains,
        {"sky": "6a5d9e b69bc9 f2c2d0 ffe3da", "far": "c7a5c6", "near": "2a1f45", "sun": "ffe0e6", "at": (400, 360)},
    ),
    ("aurora-green", aurora, {"tone": "38ef9c", "other": "3fc1ff"}),
    ("aurora-violet", aurora, {"tone": "a974ff", "other": "4dffc3"}),
    ("sea-peach", shore, {"sky": "6d83b6 d0a9b8 ffc3a0 ffe2b8", "sea": "c98a86 6b5b86 2d3561", "sun": "ffd9a0"}),
    ("sea-mint", shore, {"sky": "2e8c9e 9fd7cf f4f0d2 ffe0ae", "sea": "8fbfae 2f7f86 0d3b4c", "sun": "fff2b8"}),
    ("sea-crimson", shore, {"sky": "28113f 7c2a5f d9575b ffae6d", "sea": "a04558 4a2350 160b2c", "sun": "ffb572"}),
    ("moon-pines", night, {"sky": "05091a 0d1b3f 23366b 5a6396"}),
    ("moon-plum", night, {"sky": "0d0618 2a1244 5b2a68 9a5b7e"}),
    ("moon-teal", night, {"sky": "02121a 06303b 14575c 4d8c84"}),
)
QUOTES: tuple[Row, ...] = (
    (
        "quote-slow",
        quote,
        {
            "words": "Slow is smooth,\nsmooth is fast.",
            "by": "on learning the guitar",
            "tones": "2b2d6e 6a3fa0 ff7aa2 ffb26b",
        },
    ),
    (
        "quote-rain",
        quote,
        {
            "words": "Some days the\nplan is just\ntea and rain.",
            "by": "Sunday notes",
            "tones": "1f3b4d 2c6e7f 7fd1c7 c5f0e0",
        },
    ),
    (
        "quote-begin",
        quote,
        {"words": "Begin badly.\nContinue.", "by": "studio wall", "tones": "f7d9c4 f2a48b ffe9b8 ff8fa3"},
    ),
    (
        "quote-kind",
        quote,
        {
            "words": "Be kind to the\nperson you were\nlast year.",
            "by": "a reminder",
            "tones": "d7e8ff b7c4f5 ffd6ec fff5d6",
        },
    ),
    (
        "quote-atlas",
        quote,
        {
            "words": "Get lost on\npurpose.\nBring water.",
            "by": "trail log, day 12",
            "tones": "123c2e 2f6b4f ffd27d 8fe3b0",
        },
    ),
    (
        "quote-read",
        quote,
        {"words": "One chapter\nis enough.", "by": "library of small things", "tones": "3a1c2e 7a2f4a ff9a76 ffd59e"},
    ),
    (
        "quote-team",
        quote,
        {
            "words": "Ask the quiet\none. They were\nlistening.",
            "by": "team notes",
            "tones": "101b3b 1f3f8f 55c2ff 9d8bff",
        },
    ),
    (
        "quote-garden",
        quote,
        {"words": "You cannot rush\na tomato.", "by": "allotment no. 7", "tones": "f4f1de e9d8a6 f2845c 81b29a"},
    ),
    (
        "quote-help",
        quote,
        {
            "words": "You are not alone.\nTalk to someone\ntoday.",
            "by": "helplines are open day and night",
            "tones": "243b6b 4f6fb5 9fd3ff ffe0c2",
        },
    ),
    (
        "quote-practice",
        quote,
        {"words": "Ten minutes,\nevery day.", "by": "piano, week 31", "tones": "1a1a2e 3b2667 e94e77 f6b042"},
    ),
    (
        "quote-sea",
        quote,
        {"words": "The sea does not\nanswer emails.", "by": "out of office", "tones": "0b4f6c 1c8fb0 b8f2e6 ffe8a3"},
    ),
)
RECIPES: tuple[Row, ...] = (
    (
        "recipe-ramen",
        recipe,
        {
            "title": "Miso ramen\nat home",
            "parts": "noodles|miso|soft egg|spring onion|corn|chili oil",
            "tones": "7d2e2e f2ede4 d9a566 f6d58e 7fb069 e4572e",
        },
    ),
    (
        "recipe-salad",
        recipe,
        {
            "title": "Big summer\nsalad",
            "parts": "tomatoes|cucumber|feta|olives|mint|lemon",
            "tones": "dff0d0 ffffff 8cc152 e4572e f5f5f0 5b8c5a",
        },
    ),
    (
        "recipe-curry",
        recipe,
        {
            "title": "Chickpea curry,\none pot",
            "parts": "chickpeas|coconut milk|spinach|ginger|cumin|lime",
            "tones": "f2b84b fff7e8 d98324 f2d492 5b8c5a c44536",
        },
    ),
    (
        "recipe-pizza",
        recipe,
        {
            "title": "Friday pizza",
            "parts": "dough|tomato|mozzarella|basil|olive oil|salt",
            "tones": "2f5d50 f4ead5 e8b25c d1495b fff4e0 3a7d44",
        },
    ),
    (
        "recipe-bowl",
        recipe,
        {
            "title": "Breakfast bowl",
            "parts": "oats|yoghurt|blueberries|honey|almonds|banana",
            "tones": "e7d8f5 ffffff fff3e0 5a4fcf d8a25e f7d070",
        },
    ),
    (
        "recipe-paella",
        recipe,
        {
            "title": "Paella for six",
            "parts": "rice|saffron|peppers|beans|stock|lemon",
            "tones": "1f4e79 2f2f36 f2b233 d1495b 7fb069 f7e3a1",
        },
    ),
    (
        "recipe-borscht",
        recipe,
        {
            "title": "Grandma's\nborscht",
            "parts": "beetroot|cabbage|carrot|potato|dill|sour cream",
            "tones": "f5e6e8 ffffff a4133c c9184a fff0f3 5b8c5a",
        },
    ),
    (
        "recipe-tacos",
        recipe,
        {
            "title": "Bean tacos",
            "parts": "tortillas|black beans|avocado|salsa|lime|coriander",
            "tones": "f9c74f fff8e7 f2dfb0 90be6d d1495b 5c3d2e",
        },
    ),
    (
        "recipe-dal",
        recipe,
        {
            "title": "Dal, the\nfast way",
            "parts": "red lentils|turmeric|garlic|tomato|chili|rice",
            "tones": "5b3a29 f2e8dc e9a23b f3c969 c44536 7fb069",
        },
    ),
)
CHARTS: tuple[Row, ...] = (
    (
        "chart-transport",
        bars,
        {
            "title": "How we get\nto work, %",
            "rows": "Train=38|Bicycle=27|Car=19|Walking=11|Boat=5",
            "tones": "264653 fffdf7 22333b 2a9d8f",
        },
    ),
    (
        "chart-books",
        bars,
        {
            "title": "Books read\nthis year",
            "rows": "Noor=41|Lukas=33|Mei=29|Sofia=18|Tom=12",
            "tones": "7f5539 fdf6ec 3b2a20 b5651d",
        },
    ),
    (
        "chart-sleep",
        line_chart,
        {"title": "Hours of sleep,\nmonth by month", "tones": "22223b 2b2d52 f2e9e4 9d8bff", "rise": 0.4},
    ),
    (
        "chart-solar",
        line_chart,
        {"title": "Roof solar output,\nour first year", "tones": "f4a261 fffaf3 3a2a1a e76f51", "rise": 0.3},
    ),
    ("chart-run", line_chart, {"title": "From couch\nto 10 km", "tones": "0b525b e9fbf8 0b3037 00a896", "rise": 0.55}),
    (
        "chart-week",
        donut,
        {
            "title": "Where a week\ngoes",
            "rows": "Sleep=33|Work=24|People=22|Music=12|Dishes=9",
            "tones": "3d348b ffffff 1f1b4d 7678ed f7b801 f18701 f35b04 43bccd",
        },
    ),
    (
        "chart-coffee",
        donut,
        {
            "title": "A cup of coffee,\nwho earns what",
            "rows": "Cafe=61|Roaster=18|Transport=12|Farmer=9",
            "tones": "6f4e37 fff8f0 3b2417 c08552 895737 dab49d 5e3023",
        },
    ),
    (
        "chart-birds",
        bars,
        {
            "title": "Birds at our\nwindow, March",
            "rows": "Sparrow=64|Great tit=41|Robin=22|Blackbird=17|Wren=4",
            "tones": "588157 f8faf3 22331f 588157",
        },
    ),
)
POSTERS: tuple[Row, ...] = (
    (
        "event-jazz",
        event,
        {
            "title": "JAZZ\nIN THE\nPARK",
            "when": "Saturday 7 pm  |  free entry",
            "tones": "1d3557 e63946 f1faee a8dadc ffb703",
        },
    ),
    (
        "event-market",
        event,
        {"title": "NIGHT\nMARKET", "when": "every Friday in May", "tones": "5f0f40 fb8b24 e36414 9a031e ffd9a0"},
    ),
    (
        "event-film",
        event,
        {
            "title": "SHORT\nFILM\nWEEK",
            "when": "12 films  |  under 5 minutes",
            "tones": "10002b 9d4edd ff6d00 ffb600 5a189a",
        },
    ),
    (
        "event-run",
        event,
        {
            "title": "CITY\nRUN 10K",
            "when": "Sunday 9 am  |  start at the bridge",
            "tones": "006d77 83c5be ffddd2 e29578 edf6f9",
        },
    ),
    (
        "event-books",
        event,
        {"title": "BOOK\nSWAP", "when": "bring two, take two", "tones": "bc4749 f2e8cf a7c957 6a994e 386641"},
    ),
    (
        "event-chess",
        event,
        {"title": "OPEN\nCHESS\nNIGHT", "when": "beginners welcome", "tones": "22223b c9ada7 f2e9e4 9a8c98 4a4e69"},
    ),
    (
        "event-repair",
        event,
        {"title": "REPAIR\nCAFE", "when": "bring what is broken", "tones": "023047 219ebc ffb703 fb8500 8ecae6"},
    ),
    ("tiles-warm", tiles, {"tones": "264653 2a9d8f e9c46a f4a261 e76f51"}),
    ("tiles-rose", tiles, {"tones": "590d22 a4133c ff4d6d ffb3c1 fff0f3"}),
    ("tiles-blue", tiles, {"tones": "03045e 0077b6 00b4d8 90e0ef f8f9fa"}),
    ("tiles-moss", tiles, {"tones": "283618 606c38 fefae0 dda15e bc6c25"}),
    ("tiles-candy", tiles, {"tones": "f72585 7209b7 3a0ca3 4361ee 4cc9f0"}),
)
#: What is written in these breaks a rule; of some the captions say so too, of others only OCR can tell.
BROKEN: tuple[Row, ...] = (
    (
        "ad-profit",
        event,
        {
            "title": "DAILY\nPROFIT",
            "when": "double your bitcoin",
            "tones": "14213d fca311 e5e5e5 ffb703 8d99ae",
        },
    ),
    (
        "ad-pills",
        event,
        {"title": "PILLS\nIN STOCK", "when": "dm me for pills", "tones": "073b4c 06d6a0 118ab2 ffd166 ef476f"},
    ),
    (
        "ad-followers",
        event,
        {
            "title": "MORE\nFANS",
            "when": "follow for follow",
            "tones": "3c096c ff9e00 e0aaff 9d4edd ff6d00",
        },
    ),
    (
        "dare-roof",
        quote,
        {
            "words": "Train surfing.\nBring gloves.\nTry it tonight.",
            "by": "who is in?",
            "tones": "1b1b2f 5a1e3a ff5d5d ffb26b",
        },
    ),
    (
        "insult-wall",
        quote,
        {
            "words": "Nobody likes you.\nGo away and\nstay away.",
            "by": "to the new girl in 9b",
            "tones": "1a1a1a 3a2a3f 8a5a8a 5a6a8a",
        },
    ),
    (
        "ad-giveaway",
        event,
        {"title": "FREE\nPHONES\nTODAY", "when": "first 100 only", "tones": "7b2d26 ffd166 f4a261 2f1b41 e76f51"},
    ),
)
#: Two copies of a poster in which nothing is wrong to read: only a bank can tell it. The bank has the first one's hash.
_MARKET = {"title": "SUMMER\nMARKET", "tones": "1d3557 e63946 f1faee a8dadc 457b9d"}
FIRST_COPY, BANKED_PICTURE = "market-first", "market-again"
COPIES: tuple[Row, ...] = (
    (FIRST_COPY, event, {**_MARKET, "when": "book your stall"}),
    (BANKED_PICTURE, event, {**_MARKET, "when": "last two stalls"}),
)
SPECS: tuple[Row, ...] = (*LANDSCAPES, *QUOTES, *RECIPES, *CHARTS, *POSTERS, *BROKEN)
#: Different posters for one text: what a wave of copies looks like.
WAVE: tuple[Row, ...] = tuple(
    (f"wave-{n}", event, {"title": title, "when": when, "tones": tones})
    for n, (title, when, tones) in enumerate(
        (
            ("GIFT\nCARDS", "for the first hundred", "31572c ecf39e 90a955 4f772d f2e8cf"),
            ("500 FOR\nYOU", "write GIFT to me", "4a1942 f6aa1c bc3908 ffe1a8 941b0c"),
            ("YOUR\nGIFT", "today only", "0b3954 bfd7ea ff6663 e0ff4f fefffe"),
            ("GIFT\nDAY", "claim it now", "2b2d42 edf2f4 ef233c d90429 8d99ae"),
        )
    )
)


def pictures() -> tuple[Picture, ...]:
    """Return every picture of the demo's catalogue, in a fixed order."""
    drawn = [Picture(slug, partial(draw, **options)) for slug, draw, options in SPECS]
    copies = [Picture(slug, partial(draw, **options), drawn_as=FIRST_COPY) for slug, draw, options in COPIES]
    return (*drawn, *copies)


def wave_pictures() -> tuple[Picture, ...]:
    """Return the pictures that the demo's wave of copies goes around with."""
    return tuple(Picture(slug, partial(draw, **options)) for slug, draw, options in WAVE)
