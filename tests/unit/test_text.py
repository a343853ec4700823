from driftd.observe.sanitize import clean, clean_log, short


def test_what_acts_is_made_visible():
    assert clean("a\x1b[2Jb\u202ec\x07\nd") == "a\\x1b[2Jb\\u202ec\\x07\nd"


def test_letters_of_all_languages_stay():
    assert clean("naïve 東京 عربي 1\u202f000") == "naïve 東京 عربي 1\u202f000"


def test_a_log_keeps_its_colours_and_its_progress_and_nothing_else_that_acts():
    said = "\x1b[31mred\x1b[0m 10%\r20%\ttab\n"
    assert clean_log(said) == said
    assert clean_log("\x1b]0;title\x07\x1b[2J\x1b[1mbold") == "\\x1b]0;title\\x07\\x1b[2J\x1b[1mbold"


def test_a_long_text_is_cut_where_it_is_shown():
    assert short("n" * 10_000, 5) == "nnnn…"
    assert short("four", 4) == "four"
