"""What the other domains beside the authors are made of: sums, lines of code, calls of tools. Nothing in them is about people.

Each entry is (what is asked, in two wordings; the answer): `{x}` and `{y}` are filled in.
"""

from collections.abc import Callable

Sum = tuple[str, str, str, Callable[[int, int], int]]  # asked, asked again, named, and counted

LISTS = "names|prices|users|rows|words|cities|scores|dates|files|pages"
CODE = [
    ("print the length of {x}", "print(len({x}))"),
    ("sort {x} in place", "{x}.sort()"),
    ("add up {x}", "total = sum({x})"),
    ("turn {x} around", "{x} = {x}[::-1]"),
    ("take the first item of {x}", "first = {x}[0]"),
    ("take the last item of {x}", "last = {x}[-1]"),
    ("append None to {x}", "{x}.append(None)"),
    ("print every item of {x}", "for item in {x}: print(item)"),
    ("find the largest of {x}", "largest = max({x})"),
    ("copy {x}", "copied = list({x})"),
]
CITIES = "Oslo|Lima|Cairo|Riga|Dakar|Hanoi|Porto|Turin|Kyoto|Quito"
TOOLS = [
    ("tells the weather in {x}", 'weather(city="{x}")', CITIES),
    ("tells the time in {x}", 'clock(zone="{x}")', CITIES),
    ("finds a train to {x}", 'trains(to="{x}", day="today")', CITIES),
    ("books a room in {x}", 'hotel(town="{x}", nights=1)', CITIES),
    ("plays {x}", 'play(music="{x}")', "jazz|blues|opera|techno|waltz|folk|swing|disco|punk|tango"),
    ("sets an alarm for {x} o'clock", "alarm(hour={x})", "5|6|7|8|9|10|11|12|13|14"),
    ("sends a note to the {x}", 'send(to="{x}")', "plumber|dentist|landlord|bank|school|library|office|garage|bakery|shop"),
    ("turns the {x} lamp off", 'lamp(room="{x}", on=False)', "kitchen|hall|cellar|garden|attic|porch|bath|desk|bed|stairs"),
]  # fmt: skip
SUMS: list[Sum] = [
    ("{x} plus {y}", "Add {x} and {y}", "The sum of {x} and {y}", lambda x, y: x + y),
    ("{x} minus {y}", "Take {y} from {x}", "The difference of {x} and {y}", lambda x, y: x - y),
    ("{x} times {y}", "Multiply {x} by {y}", "The product of {x} and {y}", lambda x, y: x * y),
]
EACH_SUM = 20
