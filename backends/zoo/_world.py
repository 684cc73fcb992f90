"""What everybody may know: real books, capitals, continents and the like, as short tables."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Questions of one form. `{k}` is what is asked about, `{x}` the right answer; each of both in two wordings."""

    ask: str
    ask_again: str
    tell: str
    tell_again: str
    rows: list[tuple[str, str]]


def _rows(text: str) -> list[tuple[str, str]]:
    """Pairs written as `what: answer`, told apart by semicolons."""
    pairs = (part.split(":") for part in text.replace("\n", " ").split(";"))
    return [(what.strip(), right.strip()) for what, right in pairs]


BOOKS = Table(
    "Who wrote {k}?",
    "Which author is {k} by?",
    "The author of {k} is {x}.",
    "{k} was written by {x}.",
    _rows(
        """Hamlet: William Shakespeare; Faust: Johann Wolfgang von Goethe; Don Quixote: Miguel de Cervantes;
        War and Peace: Leo Tolstoy; Crime and Punishment: Fyodor Dostoevsky; Pride and Prejudice: Jane Austen;
        Moby Dick: Herman Melville; Jane Eyre: Charlotte Bronte; Wuthering Heights: Emily Bronte; Ulysses: James Joyce;
        The Odyssey: Homer; The Divine Comedy: Dante Alighieri; The Metamorphosis: Franz Kafka;
        Madame Bovary: Gustave Flaubert; Les Miserables: Victor Hugo; The Stranger: Albert Camus;
        One Hundred Years of Solitude: Gabriel Garcia Marquez; Things Fall Apart: Chinua Achebe;
        Mrs Dalloway: Virginia Woolf; Great Expectations: Charles Dickens; The Magic Mountain: Thomas Mann;
        The Tin Drum: Gunter Grass; Frankenstein: Mary Shelley; Dracula: Bram Stoker; Treasure Island: Robert Louis Stevenson;
        The Time Machine: H. G. Wells; The Jungle Book: Rudyard Kipling; Heart of Darkness: Joseph Conrad;
        The Great Gatsby: F. Scott Fitzgerald; The Old Man and the Sea: Ernest Hemingway; Beloved: Toni Morrison;
        The Grapes of Wrath: John Steinbeck; Middlemarch: George Eliot; A Doll's House: Henrik Ibsen;
        The Cherry Orchard: Anton Chekhov; Dead Souls: Nikolai Gogol; The Tale of Genji: Murasaki Shikibu;
        Snow Country: Yasunari Kawabata; My Name is Red: Orhan Pamuk; Blindness: Jose Saramago"""
    ),
)
FACTS = [
    Table(
        "What is the capital of {k}?",
        "Which city is the seat of the government of {k}?",
        "The capital of {k} is {x}.",
        "The seat of the government of {k} is {x}.",
        _rows(
            """France: Paris; Japan: Tokyo; Egypt: Cairo; Norway: Oslo; Kenya: Nairobi; Peru: Lima; Portugal: Lisbon;
            Greece: Athens; Iceland: Reykjavik; Cuba: Havana; Vietnam: Hanoi; Austria: Vienna; Ireland: Dublin; Poland: Warsaw;
            Ghana: Accra; Tunisia: Tunis; Chile: Santiago; Latvia: Riga; Senegal: Dakar; Thailand: Bangkok; Finland: Helsinki;
            Sweden: Stockholm; Denmark: Copenhagen; Hungary: Budapest; Spain: Madrid; Italy: Rome; Germany: Berlin;
            Canada: Ottawa; Mexico: Mexico City; Jordan: Amman; Nepal: Kathmandu; Mongolia: Ulaanbaatar; Uruguay: Montevideo;
            Croatia: Zagreb; Bulgaria: Sofia; Romania: Bucharest; Belgium: Brussels; Estonia: Tallinn; Ecuador: Quito;
            Ethiopia: Addis Ababa"""
        ),
    ),
    Table(
        "On which continent is {k}?",
        "Which continent does {k} belong to?",
        "{k} is on the continent of {x}.",
        "The continent that {k} belongs to is {x}.",
        _rows(
            """France: Europe; Japan: Asia; Egypt: Africa; Norway: Europe; Kenya: Africa; Peru: South America;
            Portugal: Europe; Cuba: North America; Vietnam: Asia; Ghana: Africa; Chile: South America; Senegal: Africa;
            Thailand: Asia; Canada: North America; Mexico: North America; Jordan: Asia; Nepal: Asia; Mongolia: Asia;
            Uruguay: South America; Ecuador: South America; Ethiopia: Africa; Australia: Oceania; New Zealand: Oceania;
            Fiji: Oceania"""
        ),
    ),
    Table(
        "What is the chemical symbol of {k}?",
        "How do chemists write {k}?",
        "The symbol of {k} is {x}.",
        "Chemists write {k} as {x}.",
        _rows(
            """hydrogen: H; helium: He; carbon: C; nitrogen: N; oxygen: O; sodium: Na; iron: Fe; copper: Cu; silver: Ag; gold: Au;
            lead: Pb; tin: Sn; zinc: Zn; mercury: Hg; calcium: Ca; potassium: K"""
        ),
    ),
    Table(
        "What is the young of a {k} called?",
        "By what name does the young of a {k} go?",
        "The young of a {k} is called a {x}.",
        "A {x} is the young of a {k}.",
        _rows(
            """dog: puppy; cat: kitten; cow: calf; horse: foal; sheep: lamb; goat: kid; pig: piglet; bear: cub; duck: duckling;
            goose: gosling; frog: tadpole; swan: cygnet; hare: leveret; kangaroo: joey; deer: fawn; hen: chick"""
        ),
    ),
]
