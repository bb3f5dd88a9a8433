"""What people say around an instruction: politeness, hesitation, greetings, remarks.

None of it asks for anything. Whatever is passed over here has to be recognised as a phrase, or as a
sentence that tells something of the speaker; words that are merely unknown are never passed over.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product

from robot_skills.scheduler.words import lexicon as words
from robot_skills.scheduler.words.lexicon import phrases, single_words
from robot_skills.scheduler.words.tokens import (
    PUNCTUATION,
    base_form,
    find_all,
    joined,
    longest_start,
    strip_end,
    strip_start,
)
from robot_skills.scheduler.words.verbs import verb

HESITATIONS = phrases("""
    though, carefully, gently, slowly, quickly, softly, one after another, one after the other,
    one by one,
    one at a time, you know what, fully,
    completely, entirely, all the way, totally, um, umm, uh, uhm, er, erm,
    hmm, hm, mm, ah, oh, yeah, yep, yup, basically, literally, kinda,
    sorta, kind of, sort of, you know, i think, i guess, i suppose, i believe, as i said,
    like i said, so to speak, simply, please, kindly, actually please
""")
"""Said anywhere, and meaning nothing."""
SUBORDINATE = phrases("""
    under any circumstances, whatever you do, no matter what,
    whatever happens, if you can, if you could, if you would, if you may, if you do not mind,
    if you like,
    if you want, if you wish, if you please, if possible, if that is possible, if that is ok,
    if it is not too much trouble, if it is no trouble, if it is not a bother, if that works,
    if you have time, if you get a chance, if you have a moment, if you have a minute,
    when you can, when you get a chance, when you have a chance, when you have a moment,
    when you have a minute, when you have time, when you get a moment, when you get a minute,
    when you are ready, whenever you are ready, whenever you can, whenever you have a moment,
    at your convenience, at your leisure, in your own time, no rush, no hurry, take your time,
    one by one, one at a time, one after another, one after the other, in any order,
    the order does not matter, i do not care which, i do not care which one, i do not mind which,
    i do not mind, i do not care, i do not mind which one, it does not matter which,
    it does not matter, does not matter which, does not matter, does not matter which one,
    it does not matter which one, no matter which, no matter which one, whichever,
    whichever you like, whichever you prefer, whichever you want, whichever one you like,
    whichever is easier, whichever one is easier, your choice, it is your choice, your pick,
    your call, it is your call,
    you choose, you decide, you pick, up to you, it is up to you, either is fine,
    either one is fine,
    either one, either will do, any will do, any of them will do, any one will do, both are fine,
    i have no preference, no preference, whatever you like, whatever you prefer, whatever is easier,
    like, dealer's choice, surprise me, i leave it to you, or whatever, or something, or so
""")
"""Said between two marks, or at the end, and meaning nothing."""
_REQUESTS = product(
    (
        "",
        "i was wondering if ",
        "i wonder if ",
        "i would appreciate it if ",
        "i would be glad if ",
        "i would be grateful if ",
        "it would be great if ",
        "it would be nice if ",
        "it would be lovely if ",
        "it would be good if ",
        "it would help if ",
        "any chance ",
        "is there any chance ",
        "is there a chance ",
        "do you think ",
        "would it be ok if ",
        "i would be happy if ",
        "it would be wonderful if ",
        "it would be very kind if ",
    ),
    ("you could", "you can", "you would", "you might", "i could get you to", "i could ask you to"),
    ("", " please", " maybe", " perhaps", " possibly", " kindly", " just", " quickly"),
)
_AIMS = product(
    ("the", "my", "our", "your"),
    (
        "goal",
        "aim",
        "target",
        "plan",
        "objective",
        "desired result",
        "end state",
        "idea",
        "thing",
        "desired state",
        "final state",
        "result",
        "task",
        "job",
        "wish",
    ),
    ("is", "is that", "is to have", "is to get", "is to", "should be that", "should be"),
)
REQUESTS = (
    *(" ".join(parts) for parts in _AIMS),
    *("".join(parts) for parts in _REQUESTS if parts[0]),
    *phrases("""
        can you, could you, would you, will you, like, go ahead and, go ahead, yo, we need, we want,
        could you be so kind as to, would you be so kind as to, can you be so kind as to,
        would you be so kind and, could you be so kind and, be so kind as to, be so kind and,
        be so good as to, would you be so good as to, be kind enough to,
        would you be kind enough to, be a dear and, be a darling and, be a good robot and,
        do me a favor and, do me a favour and, can you do me a favor and,
        could you do me a favor and,
        can you do me a favour and, could you do me a favour and, would you do me a favor and,
        would it be possible to, would it be possible for you to, is it possible for you to,
        would you be able to, are you able to, would you like to, would you kindly,
        would you please, could you please, can you please, will you please, would you mind,
        would you maybe, could you maybe, could you possibly, can you maybe, could you perhaps,
        could you quickly, can you quickly, can you just, could you just, would you just,
        could i ask you to, can i ask you to, may i ask you to, might i ask you to,
        could i trouble you to, might i trouble you to, may i trouble you to, can i get you to,
        could i get you to, i am going to need you to, i will need you to, i need you to,
        i want you to, i would like you to, i would love you to, i would love for you to,
        i hate to ask but, i hate to ask, i hate to bother you but, i hate to bother you,
        i would ask you to, i ask you to, i am asking you to, i would prefer you to,
        i expect you to,
        i would like for you to, we need you to, we want you to, you have to, you need to,
        you are going to, you will, you could, you might want to, you may want to, you ought to,
        you can, you should, you shall, you are to, we need to, we should, we have to, we want to,
        i need to have, i need to see, i would like to see,
        i would love to see, i would love to have, i want to see, i want to find,
        i would like to find, i want to have, you may,
        you might,
        by the time you are done, by the time you are finished, it would be great to have,
        why do not you, why do you not, why not, how about,
        what i want is for you to, what i want you to do is, what you should do is,
        what you need to do is, what you have to do is, what we need is for you to, what i need is,
        what i want is, what we need is, what we want is, what we need now is, what i need now is,
        what i would like is, all i want is, all i need is, all you have to do is,
        all you need to do is,
        your job is to, your task is to, your next task is to, the task is to, the job is to,
        your mission is to, the plan is to, the idea is to, now i want you to, the next thing is to,
        go on and, go over and, come on and, proceed to, be sure to, do not forget to, remember to,
        make sure to, make sure you, make sure that you, try and, feel free to, get on with,
        check that, double check that, verify that, confirm that, see to it that, take care that,
        it is important that, it is necessary that, i expect that, make it so that, make it so,
        see that, arrange that, arrange for, i wish, i hope to see,
        let us have,
        let us see, time to, now please, as a next step, for a start, to begin with, to start with,
        for starters, start by, start off by, start with, begin by, begin with, finish by,
        finish off by, end by, finally please, as the first step, as a first step, as the last step,
        as a last step, step one, step two, step three, step four, first step, second step,
        last step, first thing, the first thing you do is, the first thing to do is, quick question,
        quick favor, next up, one more thing, and also, oh and, also please, while you are at it,
        while you are there, here is what i want, here is what to do, here is the plan, task
    """),
)
"""Openings that make a request of what follows."""
REMARKS = phrases("""
    hope, i hope, hoping, how are you, how is it going, how do you do, good morning, good afternoon,
    good evening, good day, good night, good job, good work, good robot, well done, nice work,
    nice job, nice one, great job, great work, nice to meet you, nice to see you,
    pleased to meet you,
    hi, hello, hey, hey there, hi there, hello there, hello again, greetings, howdy, dear robot,
    dear, robot, mister robot, excuse me, pardon me, sorry to bother you, sorry to trouble you,
    sorry for the trouble, i am sorry, thanks, thank you, many thanks, cheers, much appreciated,
    very much appreciated, i appreciate it, i appreciate your help, i really appreciate it,
    i would, i will, i really, you would, we would, it would, that will, that would,
    it would be great, it would be nice, you would help me, you are, you have been, i am, we are,
    i was, i have been, we have been, i have had, it is been, it has been, it is a, it is late,
    it is early, it is getting, it is time, that is all, that is it, that is everything,
    that will be all, that should do, please and thank you, have a, see you, bye, goodbye, later,
    sorry to, sweetie, honey, darling, sweetheart, love, guests, end state, final state, my hands,
    my boss,
    my wife, my husband, my mom, my mum,
    my friend, my friends,
    no problem, no worries, listen, look, look here, listen up, attention, right, well, ok, so,
    great, fine, good, cool, perfect, excellent, awesome, alright, sure, super, lovely, wonderful,
    now, ok then, right then, well then, all right, ok so, quick, come on, what a mess, i know,
    as you know, let me think, let me see, let us see, let me explain, you got this, what a day,
    best regards, kind regards, regards, sincerely, yours
""")
"""Beginnings of a piece that tells something of the speaker, or nothing."""
_IN_TIME = frozenset(
    {"first", "finally", "afterwards", "at last", "at the end", "in the end", "again", "now"}
)
"""Endings that may say when."""
ENDINGS = (
    *(text for text in words.TRAILING if text not in _IN_TIME),
    *SUBORDINATE,
    *phrases("""
    thanks a lot, thanks so much, thanks very much, thanks a million, thanks a bunch,
    thanks in advance, thank you very much, thank you so much, thank you kindly, many thanks,
    much appreciated, cheers, for us, there is a good robot, there is a dear, ok thanks, alright,
    right away, straight away, at once, asap, as soon as possible, as soon as you can, this time,
    real quick, quick, for a change, for once, today, this morning, this afternoon, this evening,
    tonight, until you are finished, until you are done, until everything is done, until the end,
    when i get back, when i come back, when i am back, when i return, instead,
    do not do anything else, and do not do anything else, but do not do anything else,
    do nothing else, and do nothing else, at this point, by yourself, yourself, robot, dear robot,
    my friend, buddy, mate, pal,
    can you, could you, would you, will you, would you please, if you will, then thanks,
    and that is all, and that is it, and nothing more, and nothing else, that is all,
    in one go, somehow, nicely, neatly, tidily, properly, for good, again please,
    please and thank you,
    with care, with caution, in peace, when you are finished with that
"""),
)


def without_courtesy(
    tokens: Sequence[str], names_a_thing: Callable[[Sequence[str]], bool]
) -> list[str]:
    """The tokens less what says nothing.

    Args:
        tokens: Of an instruction.
        names_a_thing: Whether words name something that is there.

    Returns:
        At least something, where there was something: an instruction of greetings stays as it is.
    """
    plain = _without(tokens, HESITATIONS, kept=_breaks_off)
    pieces = [_piece(piece, names_a_thing) for piece in _pieces(plain)]
    kept = _joined([piece for piece in pieces if any(t not in PUNCTUATION for t in piece)])
    return kept or list(tokens)


def _piece(piece: list[str], names_a_thing: Callable[[Sequence[str]], bool]) -> list[str]:
    """What is left of the words up to a mark, with the mark; empty when they say nothing."""
    marks = piece[-1:] if piece[-1:] and piece[-1] in PUNCTUATION else []
    body = piece[: len(piece) - len(marks)]
    asked = _asked(body, names_a_thing)
    opened = strip_start(asked, _OPENINGS)
    plain = strip_end(_asked(opened, names_a_thing) if asked == body else opened, ENDINGS)
    if not plain or joined(plain) in ENDINGS:
        return []
    if longest_start(plain, REMARKS) and not _asks(plain, names_a_thing):
        return []
    return [*plain, *marks]


def _asked(tokens: list[str], names_a_thing: Callable[[Sequence[str]], bool]) -> list[str]:
    """What a person asks for who begins with nothing but courteous words; empty when nothing."""
    end = next((i for i, t in enumerate(tokens) if t not in COURTEOUS), len(tokens))
    if end == len(tokens):
        told = not _PERSONS.isdisjoint(tokens) and _SEEING.isdisjoint(tokens)
        return [] if told else tokens
    begins = [i for i in range(end, 0, -1) if verb(tokens[i:]) is not None]
    if begins and _requests(tokens[: begins[0]], tokens[begins[0]]):
        return tokens[begins[0] :]
    named = end > 0 and tokens[end] in words.ARTICLES and names_a_thing(tokens[end + 1 :])
    wished = named and tokens[end - 1] in _WISHING and tokens[0] not in _ASKING
    said = set(tokens[:end])
    wished = wished and (not said.isdisjoint(_PERSONS) or said >= {"it", "would"})
    return tokens[end:] if wished and not begins else tokens


def _requests(said: list[str], verb_said: str) -> bool:
    """Whether courteous words ask for what the verb behind them says.

    "Would you open it" and "I want you to open it" do; "have you opened it", "I opened it" and "how
    do you open it" ask for nothing.
    """
    asks_you = (
        "you" in said
        or said[:2] == ["help", "me"]
        or said[:2] in (["can", "we"], ["could", "we"], ["shall", "we"])
    )
    question = said[0] in _ASKING and not {"mind", "think"} & set(said)
    question = question and said[:2] not in (["how", "about"], ["what", "about"])
    feeling = joined(said).startswith(("how would you feel about", "how do you feel about"))
    thanks = "for" in said and {"thank", "thanks", "sorry"} & set(said)
    done = verb_said.endswith("ed") and base_form(verb_said) != verb_said and "if" not in said
    return asks_you and not thanks and not done and (feeling or not question)


def _asks(tokens: Sequence[str], names_a_thing: Callable[[Sequence[str]], bool]) -> bool:
    """Whether words may ask for something: they name a thing, forbid something, or have a verb."""
    if not set(words.NEGATIONS | words.CONDITIONS).isdisjoint(tokens):
        return True
    if any(names_a_thing(tokens[i:]) for i in range(len(tokens))):
        return True
    starts = (i + 1 for i, token in enumerate(tokens) if token in ("and", "so", "but", "to"))
    return any(verb(tokens[i:]) is not None for i in starts if i < len(tokens))


def _pieces(tokens: Sequence[str]) -> list[list[str]]:
    """The words up to every mark, with it."""
    pieces: list[list[str]] = [[]]
    for token in tokens:
        pieces[-1].append(token)
        if token in PUNCTUATION - {"&"}:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _joined(pieces: Sequence[list[str]]) -> list[str]:
    """The pieces in a row; the last mark of all is of no use unless it is a question's."""
    kept = [token for piece in pieces for token in piece]
    while kept and kept[-1] in PUNCTUATION - {"?"}:
        kept.pop()
    return kept


def _without(
    tokens: Sequence[str], said: Iterable[str], kept: Callable[[Sequence[str], int], bool]
) -> list[str]:
    rest = list(tokens)
    for i, text in reversed(find_all(rest, said)):
        if not kept(rest, i):
            del rest[i : i + len(text.split())]
    return rest


def _breaks_off(tokens: Sequence[str], i: int) -> bool:
    """Whether a hesitation between two commas may take back what stands before it."""
    apart = tokens[i - 1 : i] == [","] and tokens[i + 1 : i + 2] == [","]
    again = tokens[i + 2 : i + 3]
    return apart and i > 1 and bool(again) and again[0] in words.ARTICLES


_GREETINGS = phrases("""
    when i come back, when i get back, by the time i am back, when i return, yo, yo robot, hi,
    hello, hey, hi there, hello there, hey there, hey robot, hi robot,
    hello robot, good morning,
    good afternoon, good evening, well, right then, ok, ok so, so, now, now then, yes, sure,
    sorry but, excuse me but, excuse me
""")
_OPENINGS = (*REQUESTS, *_GREETINGS)
_PERSONS = frozenset({"you", "i", "we", "me", "us", "my"})
_WISHING = frozenset(
    {"want", "need", "like", "love", "have", "get", "wish", "if", "that", "appreciate"}
)
_ASKING = single_words("how what why when where who if is are was were do did does have has had")
_SEEING = frozenset({"see", "find", "hold", "have", "get", "take", "put", "go"})
COURTEOUS = single_words("""
    could can would will may might shall should do you i we me us if asked ask to be so very
    really kind kindly nice good great lovely wonderful happy glad grateful love like want need
    wish hope hoping hoped was were am it that this bother trouble favor favour help and for
    a an huge big quick small minute second moment time when get have had possible possibly
    perhaps maybe just also now then well hey hi please mind terribly much too star dear angel
    gem hero darling sweetie honey buddy robot let try what how about feel think thinking
    wondering wonder appreciate thankful thank thanks of in my your hurry bit chance able
    willing ready going sorry interrupt disturb bothering asking know but super sweet
    ever sec got ages champ friend legend pal real lot ended wanted needed would've rather over
    here there
""")
"""Words that a person may begin with who is courteous, and that ask for nothing by themselves."""
