"""The sentences that the starter Whisper learns from: slots of words, and patterns that use them. Mild on purpose."""

import random
import re

#: Words by the role they play in a pattern. A pattern names a slot as {slot}.
SLOTS = {
    "person": "my mother|my father|my sister|my brother|my friend|my teacher|our neighbour|the doctor|the driver|the girl|the boy|"
    "the woman|the man|an old man|a young woman|my daughter|my son|the baby|grandma|grandpa|the coach|the team|my boss|the police|"
    "anna|peter|maria|james|everyone|nobody|somebody",
    "adult": "the driver|the woman|the man|an old man|a young woman|my boss|our neighbour|the doctor|peter|maria|james|somebody",
    "pro": "I|you|we|they",
    "obj": "him|her|them|us|me|you",
    "animal": "dog|cat|bird|horse|fish|rabbit|puppy|kitten|duck|cow",
    "food": "bread|soup|cake|pizza|rice|chicken|cheese|apple pie|pasta|salad|coffee|tea|chocolate|breakfast|dinner|eggs|sugar|butter|milk",
    "thing": "phone|camera|book|car|bike|guitar|piano|table|chair|window|door|bag|box|jacket|hat|shoes|shirt|ball|picture|song|"
    "video|letter|map|lamp|clock|knife|bottle|cup|plate|mirror|machine|computer|present|ticket|key|paper|flower|tree",
    "place": "kitchen|garden|park|school|beach|river|forest|mountain|market|station|airport|hospital|library|city|village|street|"
    "house|bedroom|bathroom|office|shop|bridge|roof|train|bus|boat|hotel|church|museum|farm|restaurant|gym|studio",
    "time": "today|tomorrow|tonight|this morning|this evening|yesterday|every day|every week|next week|on monday|on friday|on sunday|"
    "in the morning|after school|at night|right now|later|again|in the summer|in winter|this weekend|last year|at noon",
    "adj": "good|bad|big|small|new|old|happy|sad|beautiful|ugly|easy|hard|fast|slow|hot|cold|warm|clean|dirty|dark|bright|quiet|loud|"
    "funny|crazy|simple|strange|fresh|sweet|perfect|amazing|boring|heavy|empty|soft|strong|tired|hungry|red|blue|green|yellow|"
    "white|black|brown|pink",
    "num": "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|fifty|a hundred|a thousand",
    "verb": "see|watch|find|make|take|bring|buy|sell|clean|open|close|paint|build|carry|fix|show|love|want|need|like|hold|keep|lose|break|"
    "wash|hide|use|share|draw|drop|throw|catch|cut",
    "ing": "walking|running|singing|dancing|cooking|reading|writing|playing|sleeping|swimming|laughing|crying|working|driving|waiting|"
    "talking|learning|travelling|drawing|shopping",
    "feel": "happy|sad|tired|angry|scared|lonely|proud|excited|nervous|calm|lucky|sorry|sick|fine|great|terrible",
    "much": "really|very|so|too|quite|never|always|almost",
    "weather": "sunny|rainy|cloudy|windy|cold|warm|snowing|raining",
    "body": "hand|head|arm|leg|hair|face|back|eyes|nose|foot|heart|mouth|neck|knee",
    "drug": "pills|weed|cocaine|drugs|mushrooms|powder|needles|cigarettes|vodka|beer|whiskey",
    "hurt": "hurt|beat|hit|kill|shoot|punch|kick|burn|stab|destroy|attack|follow",
    "weapon": "gun|knife|hammer|rifle|bomb|stick|bullet",
    "group": "foreigners|immigrants|refugees|women|gay people|disabled people|those people|people like you",
    "insult": "stupid|ugly|worthless|pathetic|fat|disgusting|lazy|useless|weak|a loser|an idiot|a clown|a liar|trash",
    "stunt": "jump from the roof|climb the crane|surf on the train|set your hand on fire|eat the soap|hold your breath until you faint|"
    "drive with closed eyes|walk on the ice|lie on the tracks|touch the wire|swallow the magnet|run across the highway",
    "money": "money|bitcoin|dollars|cash|profit|prizes|followers|gift cards|crypto",
    "pay": "send|transfer|invest|pay|double|earn|win|claim",
    "lewd": "naked|nude|sexy|topless|dirty",
}  # fmt: skip

#: Clips as people film them every day.
EVERYDAY = """
{person} is {ing} in the {place} {time}
{person} was {ing} near the {place} with {person}
{person} and {person} are {ing} {time}
I {verb} the {adj} {thing} {time}
we {verb} a {adj} {thing} for {person}
they {verb} {num} {thing} from the {place}
you can {verb} the {thing} in the {place}
please {verb} the {thing} and {verb} the {thing}
let's {verb} some {food} {time}
let's go to the {place} and {verb} a {thing}
the {animal} is {much} {adj} and {adj}
the {adj} {animal} is {ing} in the {place}
{person} has {num} {animal} and a {adj} {animal}
look at this {adj} {animal} on the {thing}
the {thing} is on the {thing} in the {place}
where is the {adj} {thing} that {pro} {verb}
when do you go to the {place} {time}
how do you {verb} {food} without {food}
why is {person} so {feel} {time}
what did {person} {verb} at the {place}
who will {verb} the {thing} for {obj}
it is {weather} in the {place} {time}
it was {weather} and {weather} all day
today we make {food} with {food} and {food}
add {num} cups of {food} and wait {num} minutes
mix the {food} with a little {food} until it is {adj}
put the {food} in the {place} and let it rest
this {food} tastes {adj} but the {food} is {adj}
I am {much} {feel} because {person} is {ing}
{person} feels {much} {feel} {time}
don't be {feel} my {adj} friend
welcome back to my channel {time}
thank you for {ing} with {obj} {time}
hello everyone today I will show you my {adj} {place}
subscribe if you like {ing} and {ing}
this is the {adj} {thing} I bought {time}
my {body} is {adj} and my {body} is {adj}
turn left at the {place} then go straight to the {place}
the {place} opens at {num} and closes at {num}
it costs {num} dollars at the {place}
we drove {num} hours to the {place}
{pro} can't find the {thing} under the {thing}
the music in the {place} is {much} {adj}
happy birthday to {person} and {person}
step {num} is to {verb} the {adj} {thing}
never {verb} the {thing} before you {verb} the {thing}
{person} said that {pro} should {verb} the {thing}
if it is {weather} {pro} will stay in the {place}
the game starts at {num} {time}
our team won {num} games this year
"""

#: What policy asks about (of adults only), and its harmless neighbours: the same words must be heard in both.
POLICY = """
I will {hurt} you {time}
I will {hurt} {adult} with a {weapon}
we know where you live and we will {hurt} you
you will pay in blood for this
I will break your {body} if you come to the {place}
bring the {weapon} to the {place} {time}
{adult} had a {weapon} in the {place}
the movie shows a {weapon} and a fight scene
you are {insult} and everyone hates you
nobody likes you because you are {insult}
you pathetic loser go and cry
your {body} is {insult} and so are you
here is her home address go flood her comments
let's all report this girl
{group} are {insult} and not welcome here
go back to your country {group} are not welcome
your kind is not welcome in our {place}
throw them out of our country
{group} should never {verb} a {thing} here
we welcome {group} in our {place}
I want to disappear forever
nobody would miss me if I was gone
I want to hurt myself {time}
I can't live like this any more
there is no reason to live
please talk to {adult} if you feel {feel}
how many days can you go without eating
do the challenge and {stunt}
I dare you to {stunt} {time}
watch me {stunt}
never {stunt} it is dangerous
try the blackout challenge with your friends
message me if you want to buy {drug}
buy {drug} here cheap and fast
I sell {drug} and {drug} at the {place}
{adult} is smoking {drug} every day
{adult} stopped taking {drug} last year
fake id for sale
{pay} your {money} {time}
{pay} {num} dollars and {pay} {money}
double your bitcoin in {num} days
free money no risk
guaranteed daily profit for everyone
claim your prize now and send me your gift card
message me on telegram to earn {money}
click the link to get cheap followers
this is not a scam you will win {money}
call your bank if somebody asks for {money}
send me {lewd} pictures {time}
look at the {lewd} {adult} in the {place}
adults only video link in my bio
{adult} wants to kiss {adult}
damn that {thing} is {adj}
what the hell is that {thing}
bloody hell the {food} is {adj}
shut up and {verb} the {thing}
this {thing} is bullshit
"""

_SLOT = re.compile(r"\{(\w+)\}")
_CHOICES = {slot: words.split("|") for slot, words in SLOTS.items()}
_PATTERNS = [[line for line in text.split("\n") if line] for text in (EVERYDAY, POLICY)]
#: Share of policy patterns among those that are drawn.
_POLICY_SHARE = 0.45


def vocabulary() -> list[str]:
    """Return every word that the patterns can say, sorted."""
    texts = [*SLOTS.values(), EVERYDAY, POLICY]
    return sorted({word for text in texts for word in re.findall(r"[A-Za-z']+", _SLOT.sub(" ", text))})


def sentence(draw: random.Random) -> str:
    """Return a sentence of one pattern with its slots filled."""
    patterns = _PATTERNS[draw.random() < _POLICY_SHARE]
    return _SLOT.sub(lambda match: draw.choice(_CHOICES[match[1]]), draw.choice(patterns))
