"""Writes tokens.json: small tokenizers of the kinds in use, and the ids that the Python library gives for odd texts.

pip install tokenizers==0.23.2 && python make_tokens.py
"""

import json
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split

WORDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
SIGNS = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
UPPER, LOWER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]", "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
SUFFIX, BEFORE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "[^\\r\\n\\p{L}\\p{N}]?"
GPT4O = (
    f"{BEFORE}{UPPER}*{LOWER}+{SUFFIX}|{BEFORE}{UPPER}+{LOWER}*{SUFFIX}|\\p{{N}}{{1,3}}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
)

TEXTS = [
    "The quick brown fox, isn't it? DON'T! They'LL've 12345 67.",
    " leading", "trailing ", "  two  spaces   three    ", "a\n\n b\r\n\tc\n", "\n", " ", "tabs\t\tand \t mixed \n \n",
    "don\u2019t \u201cquote\u201d \u2014 dash\u2026", "caf\u00e9 cafe\u0301 \u0301alone A\u030angstro\u0308m \ufb01 \u1e9b\u0323",
    "\u6f22\u5b57\u3068\u304b\u306a \u3000\u5168\u89d2\uff11\uff12\uff13 \ud55c\uad6d\uc5b4 \u1112\u1161\u11ab",
    "\u0645\u0631\u062d\u0628\u0627 \u0661\u0662\u0663 \u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd \u202eRTL\u202c",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0f56\u0f7c\u0f51",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd \U0001f1fa\U0001f1f3 \u2764\ufe0f \U0001d49c\U0001d7d8",
    "nbsp\u00a0x \u2003em \u200bzwsp \u2028line \u0085nel \ufeffbom \u00adsoft \u180emvs \u2060wj",
    "\x00nul \x01 \x1f \x7f \uffff \U0010ffff \ue000", "\u017f \u0130i \u01c5 \u2160 \u00b2\u00bd \u0660",
    "a<|endoftext|>b <|endoftext|> c<|endof text|>\n<|endoftext|>", "x|y x|>y <|x|> a_b->c[0]+='d'; // e's",
    "https://example.org/a/b?c=d&e=f#g 1,234.56e-7 0xFF 'quoted' `code` ${x} \\n",
    "word" * 40, " " * 70 + "x", "1" * 50, "\u00e9" * 30, "\U0001f642" * 9, "x \n" * 20, "Aa1" * 20 + " \u0301",
    "I'm you're we'd it'S 'tis rock'n'roll s' '", "snake_case CamelCase kebab-case UPPER_CASE", "a  .b  (c) [d ] {e}",
]


def trained(pre_tokenizer, normalizer=None, post=None, special=("<|endoftext|>",)):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=list(special), initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS * 2, trainer)
    if post:
        tokenizer.post_processor = post
    return tokenizer


def split(pattern):
    return Sequence([Split(Regex(pattern), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)])


def llama2():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer.train_from_iterator(
        [text for text in TEXTS if text.isascii()],
        trainers.BpeTrainer(vocab_size=400, special_tokens=special, show_progress=False),
    )
    state = json.loads(tokenizer.to_str())  # bytes are tokens of the vocabulary, not added ones
    state["added_tokens"] = state["added_tokens"][:3]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def bert():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.enable_truncation(5)  # which is not for documents
    return tokenizer


def spaces():
    tokenizer = trained(ByteLevel(add_prefix_space=False))
    tokenizer.add_tokens([AddedToken("    ", normalized=False), AddedToken("\n", normalized=False), AddedToken("fox's", normalized=False)])
    return tokenizer


bos = processors.TemplateProcessing("<|begin|> $A", special_tokens=[("<|begin|>", 1)])
kinds = {
    "GPT-2": trained(ByteLevel(add_prefix_space=False)),
    "Llama 3": trained(split(WORDS + "\\p{N}{1,3}" + SIGNS), post=bos, special=("<|endoftext|>", "<|begin|>")),
    "Qwen 2": trained(split(WORDS + "\\p{N}" + SIGNS), normalizers.NFC()),
    "GPT-4o": trained(split(GPT4O)),
    "SmolLM": trained(Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])),
    "added tokens": spaces(),
    "RoBERTa": trained(ByteLevel(add_prefix_space=True)),
    "Llama 2": llama2(),
    "BERT": bert(),
}
golden = {"library": f"tokenizers {tokenizers.__version__}", "texts": TEXTS, "kinds": []}
for name, tokenizer in kinds.items():
    state = json.loads(tokenizer.to_str())
    tokenizer.no_truncation()
    golden["kinds"].append({"name": name, "tokenizer": state, "ids": [tokenizer.encode(text).ids for text in TEXTS]})
Path(__file__).with_name("tokens.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
