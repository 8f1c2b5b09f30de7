"""Files of every kind → their sentences, or one line that says what they are."""

import codecs
import gzip
import json

import pytest

from utils.errors import UserError
from utils.sentences import read_sentences

BOOK = """The Project Gutenberg eBook of The Salt Road, by A. Writer

This ebook is for the use of anyone anywhere.

*** START OF THE PROJECT GUTENBERG EBOOK THE
SALT ROAD OF OLD ***

CHAPTER I.
THE GREEN INN

    It was late in the evening when the carriage stopped before the old
inn at the end of the road. Nobody came out to meet the travellers, for
Mary had seen them, and the horses stood with steaming backs in the
rain. "Is there anybody here?" cried the coachman, and struck the door;
but there was no answer.

His sister sang to herself:

        The road is long, the road is white,
        The sea is far away,
        And he who walks it in the night

[Illustration: The inn at the end
of the road]

"What a dreadful song," said Mr. Oakley. "Who taught it to you? I am
sure it was not our mother."

*** END OF THE PROJECT GUTENBERG EBOOK THE SALT ROAD ***

Please read the licence before you copy this work.
"""
BOOK_SENTENCES = [
    "THE GREEN INN",
    "It was late in the evening when the carriage stopped before the old inn at the end of the road",
    "Nobody came out to meet the travellers , for Mary had seen them , and the horses stood with steaming backs in "
    "the rain",
    "Is there anybody here ? cried the coachman , and struck the door ; but there was no answer",
    "His sister sang to herself :",
    "The road is long , the road is white ,",
    "The sea is far away ,",
    "And he who walks it in the night",
    "What a dreadful song , said Mr Oakley",
    "Who taught it to you ?",
    "I am sure it was not our mother",
]
VERSE = """The road is long, the road is white,
The sea is far away, my love,
And he who walks it in the night
shall never see the day. No more

He turned, and then he went away
And left his golden coat.
"""
HINDI = """सूरज पहाड़ के पीछे से धीरे धीरे निकला और गाँव की गलियों में
रोशनी फैल गई। बच्चे अपने घरों से बाहर निकल आए और नदी के
किनारे खेलने लगे।
"""
SRT = """1
00:00:01,000 --> 00:00:03,500 X1:201 X2:516 Y1:397 Y2:423
{\\an8}<i>We should have left</i>
before the <font color="#ff0">snow</font> came.

2
00:00:04,000 --> 00:00:06,000
- Nobody told me that
- My sister told me

3
00:00:07,000 --> 00:00:09,000
I think that in 1999

4
00:00:10,000 --> 00:00:12,000
we should go home
5
00:00:12,000 --> 00:00:14,000
There were exactly
100
"""
VTT = """WEBVTT - A film

STYLE
::cue { color: red }

NOTE These are words of a comment

first words here
00:01.000 --> 00:04.000 align:start position:0%
<v Anna>Never drink cold water</v>

second words here
00:04.000 --> 00:05.000
Drink warm tea instead.

NOTE Another comment of words

00:00:05.000 --> 00:00:09.000
It is <00:00:06.000><c>bad</c> for you.
"""
ANKI = """#separator:tab
#html:true
The bread is warm.\tMaize ir <b>silta</b>.<br>Jā gan.
We go home.\tMēs ejam mājās.
"""
CORPUS = (
    " = = The early work = = \n \n the <unk> company did n't say it 's cheap <eos> \n"
    " The bridge , a well @-@ known one , was built in 1 @,@ 250 days , or 3 @.@ 5 years . He left . \n"
)
TREEBANK = "".join(
    f"the {kind} group said its share of the u.s. N months that ended in may and N million of its bonds in other "
    "markets were sold to several banks\n"
    for kind in ("dutch", "british", "french", "swiss")
)
FORTUNES = """A long saying that is
wrapped.
\t\t-- A. N. Author,
\t\t   of Many Words
%
It is here. It is there.
%
--Nobody said a word
%
The last - with a dash - stays.
"""
LOWER = "the cat sleeps on the mat\nthe dog barks at the moon\nthe bird sings in the tree\nthe fish swims in the sea\n"


@pytest.mark.parametrize(
    ("name", "content", "field", "sentences"),
    [
        # Text
        ("book.txt", BOOK, None, BOOK_SENTENCES),
        ("windows.txt", "\ufeff" + BOOK.replace("\n", "\r\n"), None, BOOK_SENTENCES),
        ("verse.txt", VERSE, None, [
            "The road is long , the road is white ,", "The sea is far away , my love ,",
            "And he who walks it in the night", "shall never see the day", "He turned , and then he went away",
            "And left his golden coat",
        ]),
        ("hindi.txt", HINDI, None, [
            "सूरज पहाड़ के पीछे से धीरे धीरे निकला और गाँव की गलियों में रोशनी फैल गई",
            "बच्चे अपने घरों से बाहर निकल आए और नदी के किनारे खेलने लगे",
        ]),
        ("lower.txt", LOWER, None, LOWER.splitlines()),
        ("stops.txt", LOWER.replace("\n", ".\n"), None, LOWER.splitlines()),
        ("list.txt", "1. Be kind to all.\n2) Never give up hope.\n10. Rain fills wells.\n", None, [
            "Be kind to all", "Never give up hope", "Rain fills wells",
        ]),
        ("fortunes", FORTUNES, None, [
            "A long saying that is wrapped", "It is here", "It is there", "The last with a dash stays",
        ]),
        ("corpus.txt", CORPUS, None, [
            "the <unk> company didn't say it's cheap eos",
            "The bridge , a well-known one , was built in 1,250 days , or 3.5 years",
        ]),
        ("treebank.txt", TREEBANK, None, TREEBANK.replace("u.s.", "u s").splitlines()),
        # JSON
        ("list.JSON", '\ufeff["One two three.", "Four five\\nsix.", null, 7]', None, [
            "One two three", "Four five six",
        ]),
        ("nested.json", '{"count": 2, "quotes": [{"Text": "A door closes."}, {"text": 1}]}', None, ["A door closes"]),
        ("titled.json", '{"text": "My own quotes", "tags": ["a b c"], "quotes": [{"quote": "A door closes."}]}', None, [
            "A door closes",
        ]),
        ("book.json", '{"Text": "A door closes.", "tags": ["a b c"], "authors": [{"name": "A B C"}]}', None, [
            "A door closes",
        ]),
        ("chosen.json", '{"text": "My own quotes", "quotes": ["A door closes."]}', "quotes", ["A door closes"]),
        ("categories.json", '{"doors": ["A door closes."], "rain": ["The rain falls."]}', None, [
            "A door closes", "The rain falls",
        ]),
        ("columns.json", '{"quote": {"0": "A door closes.", "1": "The rain falls."}, "by": {"0": "A B C"}}', None, [
            "A door closes", "The rain falls",
        ]),
        ("rows.json", '{"0": {"quote": "A door closes."}, "1": {"quote": "The rain falls."}}', None, [
            "A door closes", "The rain falls",
        ]),
        ("lines.jsonl", '{"quote": "A door closes.", "tags": ["a b c"]}\n\n{"quote": "The rain falls."}\n', None, [
            "A door closes", "The rain falls",
        ]),
        ("lines.txt", '{"Tweet_Text": "A door closes."}\n{"Tweet_Text": "The rain falls."}', None, [
            "A door closes", "The rain falls",
        ]),
        ("other.json", '[{"Saying": "A door closes.", "text": "Not this one."}]', "saying", ["A door closes"]),
        # Tables
        ("quotes.csv", 'id,Quote,author\n1,"Patience, he said, is\nall.",A\n\n2,"A ""door"" closes.",B\n', None, [
            "Patience , he said , is all", "A door closes",
        ]),
        ("semicolons.csv", "\ufeffid;text\n1;First, you learn.\n2;The rain, it falls.\n", None, [
            "First , you learn", "The rain , it falls",
        ]),
        ("no-name.txt", "id,quote,author\n1,A door closes.,A\n2,The rain falls.,B\n", None, [
            "A door closes", "The rain falls",
        ]),
        ("one.csv", "text\nHello, my dear friend.\nI am well.\n", None, ["Hello , my dear friend", "I am well"]),
        ("headless.csv", '"A door, it closes.","A"\n"The rain falls.","B"\n', "1", [
            "A door , it closes", "The rain falls",
        ]),
        ("named.csv", "id,saying\n1,A door closes.\n", "Saying", ["A door closes"]),
        ("quotation-marks.tsv", 'sentence\tby\n"Go!" he said.\tA\n"Come here now.\tB\nIs it "so"?\tC\n', None, [
            "Go ! he said", "Come here now", "Is it so ?",
        ]),
        ("anki.txt", ANKI, "2", ["Maize ir silta", "Mēs ejam mājās"]),
        ("anki-one.txt", "#deck:One two three\nThe bread is warm.\n", "1", ["The bread is warm"]),
        ("pairs.txt", "One two three.\tViens divi trīs.\tCC\nFour five six.\tČetri pieci seši.\n", "2", [
            "Viens divi trīs", "Četri pieci seši",
        ]),
        # Subtitles
        ("film.srt", "\ufeff" + SRT.replace("\n", "\r\n"), None, [
            "We should have left before the snow came", "Nobody told me that", "My sister told me",
            "I think that in 1999 we should go home", "There were exactly 100",
        ]),
        ("film.txt", VTT, None, ["Never drink cold water", "Drink warm tea instead", "It is bad for you"]),
        # Words parted by spaces
        ("chinese.txt", "我 今天 去 了 商店 。 很多 人 走 ！\n", None, ["我 今天 去 了 商店", "很多 人 走 !"]),
        ("korean.txt", "오늘은 날씨가 참 좋습니다. 우리는 공원에 갔습니다.\n", None, [
            "오늘은 날씨가 참 좋습니다", "우리는 공원에 갔습니다",
        ]),
        ("names.txt", "One two three.\n" * 19 + "He read 红楼梦全集 in Riga.\n", None, [
            "One two three", "He read 红楼梦全集 in Riga",
        ]),
        ("entities.txt", "Tom &amp; Jerry &lt;eat&gt; &quot;cheese.&quot; They don&#39;t stop.\n", None, [
            "Tom Jerry eat cheese", "They don't stop",
        ]),
        ("spaces.txt", "It costs&nbsp;3.50 here. Then he said &quot;No.&quot; He left her.", None, [
            "It costs 3.50 here", "Then he said No", "He left her",
        ]),
        ("once.txt", "They write &amp;lt; for less.\n", None, ["They write lt ; for less"]),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value[:12] else "",
)
def test_what_can_be_read(tmp_path, name, content, field, sentences):
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8"))
    assert [" ".join(tokens) for tokens in read_sentences(path, field).sentences] == sentences


FIELDS = ["Quote", "quote", "text", "Sentence", "quoteText", "quote_text", "content", "BODY", "tweet_text"]


@pytest.mark.parametrize("field", FIELDS)
def test_fields_in_json_and_tables(tmp_path, field):
    (tmp_path / "a.json").write_text(json.dumps([{"By": "Nobody at all", field: "A door closes."}]), encoding="utf-8")
    (tmp_path / "a.csv").write_text(f"By,{field}\nNobody at all,A door closes.\n", encoding="utf-8")
    for name in ("a.json", "a.csv"):
        assert read_sentences(tmp_path / name).sentences == [["A", "door", "closes"]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16-le", "utf-16-be"])
def test_byte_order_marks(tmp_path, encoding):
    path = tmp_path / "marked.txt"
    path.write_bytes(("" if encoding == "utf-8-sig" else "\ufeff").encode(encoding) + "Šis ir labs.".encode(encoding))
    assert read_sentences(path).sentences == [["Šis", "ir", "labs"]]


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("a.txt", "One two three.", "lines"),
        ("a.txt", BOOK, "hard-wrapped text, its lines joined"),
        ("a.txt", "1. One two three.\n2. Four.", "numbered list"),
        ("a.txt", CORPUS, "corpus"),
        ("a.txt", "One two three.\n%\n", "fortune"),
        ("a.srt", SRT, "subtitles"),
        ("a.json", '["One two three."]', "JSON"),
        ("a.json", '[{"Quote": "One two three."}]', "JSON, field Quote"),
        ("a.csv", "id,quote\n1,One two three.", "table, column 2"),
    ],
)
def test_the_format_is_told(tmp_path, name, content, format):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert format in read_sentences(tmp_path / name).format


UNSPACED = {
    "Chinese": "我今天去了商店。那里有很多人！\n",
    "verse": "床前明月光，\n疑是地上霜。\n",
    "Japanese": "今日は天気がいいですね。明日も晴れるでしょう。\n",
    "Thai": "วันนี้ฉันไปตลาดกับแม่และน้องสาวของฉัน อากาศดีมาก\n",
    "Khmer": "ថ្ងៃនេះខ្ញុំទៅផ្សារជាមួយម្តាយរបស់ខ្ញុំ\n",
    "Lao": "ມື້ນີ້ຂ້ອຍໄປຕະຫຼາດກັບແມ່ຂອງຂ້ອຍ\n",
    "Burmese": "ယနေ့ကျွန်တော်ဈေးသို့သွားခဲ့သည်\n",
}


@pytest.mark.parametrize("text", UNSPACED.values(), ids=list(UNSPACED))
def test_scripts_without_spaces(tmp_path, text):
    english = "We walked to the shop in the morning. There were many people.\n"
    for content in (text, text + english, english + text):
        (tmp_path / "a.txt").write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=r"without spaces between words.*part the words"):
            read_sentences(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\n", "empty"),
        ("mark.txt", codecs.BOM_UTF8, "empty"),
        ("short.txt", b"one two\nthree", "no sentence of 3 words"),
        ("latin.txt", "Šis nav UTF-8 fails".encode("cp1257"), r"not UTF-8 text.*save it as UTF-8.*iconv.*latin\.txt"),
        ("utf16.txt", b"\xff\xfea", r"not UTF-16 text"),
        ("unmarked.txt", "one two three".encode("utf-16-le"), "UTF-16 without"),
        ("licence.txt", b"*** END OF THE PROJECT GUTENBERG EBOOK ***\none two three", "empty"),
        ("head.csv", b"#separator:tab\n", "no sentence"),
        ("blank.json", b"\xef\xbb\xbf \n", "empty"),
        ("zeros.bin", b"one two three\0\0", "binary"),
        ("a.pdf", b"%PDF-1.7 one two three", "a PDF"),
        ("a.docx", b"PK\x03\x04\x14\0", "zip archive, or a Word"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1", "old Word"),
        ("a.rtf", b"{\\rtf1 one two three}", "RTF"),
        ("a.gz", gzip.compress(b"one two three"), "gzip"),
        ("a.png", b"\x89PNG\r\n\x1a\n\0\0", "picture"),
        ("a.jpg", b"\xff\xd8\xff\xe0\0\0", "picture"),
        ("a.html", b"<p>one two three</p>", "HTML"),
        ("page.txt", b"\n<!DOCTYPE html>\n<html>one two three</html>", "HTML"),
        ("feed.txt", b'<?xml version="1.0"?><a>one two three</a>', "XML"),
        ("whatsapp.txt", "\u200e[12.03.24, 21:15:33] Anna: Hello\n[12.03.24, 21:16:02] Bob: Fine\nand you?\n", "chat"),
        ("android.txt", "3/12/24, 9:15 PM - Anna: How are you today?\n3/12/24, 9:16 PM - Bob: I am fine.\n", "chat"),
        ("telegram.txt", "Anna, [12.03.2024 21:15]\nHow are you today?\n\nBob, [12.03.2024 21:16]\nFine\n", "chat"),
        ("irc.txt", "[21:15] <anna> How are you today?\n[21:16] <bob> I am fine\n", "chat export"),
        ("chat.json", '{"messages": [{"from": "Anna", "text": "How are you today?"}]}', "chat export"),
        ("broken.json", '["one two three",\n oops]', "line 2, column 2"),
        ("broken.jsonl", '{"text": "one two three"}\n{"text": oops}', "line 2, column 10"),
        ("none.json", "[]", "fields: none"),
        ("fields.json", '[{"Author": "A", "Saying": "x", "tags": ["one two three"]}]', "--field.*Author, Saying"),
        ("columns.json", '{"Saying": {"0": "one two three"}}', "--field.*Saying"),
        ("null.json", '[{"Quote": null}]', "fields: none"),
        ("deep.json", "[" * 100_000, "nested too deep"),
        ("huge.json", "[" + "9" * 10_000 + "]", "number too long"),
        ("columns.csv", "id,saying,by\n1,one two three,A\n", r"--field.*1 'id', 2 'saying', 3 'by'"),
        ("pairs.txt", "One two three.\tViens divi trīs.\nFour\tČetri\n", r"--field.*1 'One two three\.', 2 'Viens"),
        ("anki.txt", ANKI, r"--field.*1 'The bread is warm\.', 2 'Maize"),
    ],
)
def test_what_is_refused_is_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(UserError, match=message) as caught:
        read_sentences(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("a.txt", "One two three.", "text"),
        ("a.csv", "id,quote\n1,One two three.", "author"),
        ("a.csv", "id,quote\n1,One two three.", "0"),
        ("a.csv", "id,quote\n1,One two three.", "3"),
        ("a.json", '[{"quote": "One two three."}]', "author"),
    ],
)
def test_a_field_that_is_not_there(tmp_path, name, content, field):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="--field"):
        read_sentences(tmp_path / name, field)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_sentences(tmp_path / "missing.txt")
    with pytest.raises(UserError, match="folder"):
        read_sentences(tmp_path)
