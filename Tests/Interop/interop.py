#!/usr/bin/env python3
"""Does Temper agree with Hugging Face transformers and PyTorch?

    python Tests/Interop/interop.py [--temper PROGRAM] [--model FOLDER]

Five groups of checks, each printed as `ok` or `FAILED` with the measured number:

1. shipped   a model folder loads in transformers unchanged: same tokens, same log-probabilities
2. trained   so do folders that `temper train` has just written on emoji and accents, tied and untied
3. foreign   Temper reads single-head Qwen3 folders that transformers saved, and scores them the same
4. adamw     AdamW steps from the same weights on the same batch give PyTorch's new weights
5. sparse    transformers refuses a model whose attention is not softmax, instead of running it wrongly

The exit code is 1 when a check failed. See README.md beside this file for how to install what it imports.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import traceback
import unicodedata
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast
from transformers import Qwen3Config, Qwen3ForCausalLM

ROOT = Path(__file__).resolve().parents[2]

LIMIT = 1e-4  # nats, for log-probabilities, entropies and losses
WEIGHT_LIMIT = 1e-5  # largest difference of any weight after AdamW steps at a learning rate of 1e-3

# Every text is at most CONTEXT characters long, so that all of them are scored in a single window.
CONTEXT = 32
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
ASTRONAUT = "\U0001f9d1\U0001f3fd\u200d\U0001f680"
WALES = "\U0001f3f4\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
TEXTS = {
    "ASCII": 'The cat sat: "why not?" (1 + 2)',
    "Chinese": "守株待兔，兔不可复得。",
    "emoji with joiners": f"us {FAMILY} {ASTRONAUT} \u2764\ufe0f\u200d\U0001f525 1\ufe0f\u20e3.",
    "flags": f"\U0001f1eb\U0001f1f7\U0001f1e9\U0001f1ea \U0001f1ef\U0001f1f5 {WALES}.",
    "composed accents": "déjà vu, Ångström, Việt Nam.",
    "decomposed accents": unicodedata.normalize("NFD", "déjà vu, Ångström, Việt Nam."),
    "combining accents": "q\u0307 x\u0323\u0302 z\u0335\u0308\u0301 o\u0308 end",
    "CRLF, CR and LF": "one\r\ntwo\rthree\nfour\r\n\r\nfive",
    "jamo": unicodedata.normalize("NFD", "한글 두 말."),
    "white space": "a\tb\u00a0c\u3000d\u2003e\u200bf",
}


class Report:
    """Prints each check as it is made and counts them."""

    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, holds, measured=""):
        self.passed, self.failed = self.passed + bool(holds), self.failed + (not holds)
        print(f"{'ok    ' if holds else 'FAILED'}  {name}  {measured}".rstrip(), flush=True)

    def within(self, name, value, limit):
        self.check(name, value <= limit, f"{value:.2e} (at most {limit:.0e})")  # NaN fails

    def group(self, name, function, *arguments):
        """Runs one group; an exception is one failed check, and the groups after it still run."""
        try:
            function(self, *arguments)
        except Exception as error:
            traceback.print_exc()
            self.check(f"{name}: stopped", False, f"{type(error).__name__}: {error}")


class Temper:
    """The built program."""

    def __init__(self, program):
        self.program = Path(program).resolve()

    def run(self, *arguments):
        """Runs a command and returns its standard output."""
        command = [str(self.program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\nexit code {done.returncode}\n{done.stderr.strip()}")
        return done.stdout

    def score(self, text, model, scratch):
        file = scratch / "text.txt"
        file.write_bytes(text.encode())
        return json.loads(self.run("score", "--file", file, "--model", model, "--json"))

    def train(self, text, out, *options):
        corpus = out.parent / f"{out.name}.txt"
        corpus.write_bytes(text.encode())
        self.run("train", corpus, "--out", out, *options, "--json")


def load(folder):
    """The folder as transformers sees it: tokenizer, and model in float32."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return tokenizer, model.eval()


def normalized(text):
    """What both sides should make of a text before cutting it into characters."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))


def compare_folder(report, temper, folder, texts, scratch):
    """Tokens and numbers of every text, by `temper score` and by transformers."""
    tokenizer, model = load(folder)
    name = folder.name
    for title, text in texts.items():
        ids = tokenizer(text)["input_ids"]
        score = temper.score(text, folder, scratch)
        characters = score["characters"]
        same = ids == [c["token"] for c in characters] and characters[0]["logprob"] is None
        report.check(f"{name}: {title}: same tokens", same, f"{len(ids)} characters")
        cut = tokenizer.convert_ids_to_tokens(ids) == [c["text"] for c in characters]
        whole = tokenizer.decode(ids) == normalized(text)
        report.check(f"{name}: {title}: same text in each token, and decoded whole", cut and whole)
        if not same:
            continue

        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, :-1]
        theirs = F.log_softmax(logits.double(), dim=-1)
        chosen = theirs[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]
        entropy = -(theirs.exp() * theirs).sum(-1)
        ours = torch.tensor([c["logprob"] for c in characters[1:]], dtype=torch.float64)
        our_entropy = torch.tensor([c["entropy"] for c in characters[1:]], dtype=torch.float64)
        loss = abs(score["loss"] + chosen.mean().item())
        report.within(f"{name}: {title}: log-probabilities", largest(ours - chosen), LIMIT)
        report.within(f"{name}: {title}: entropies", largest(our_entropy - entropy), LIMIT)
        report.within(f"{name}: {title}: loss", loss, LIMIT)


def largest(difference):
    """The largest absolute value, NaN when there is one."""
    return difference.abs().max().item() if difference.numel() else 0.0


# 1. A shipped folder

def check_shipped(report, temper, folder, scratch):
    tokenizer, model = load(folder)
    context = model.config.max_position_embeddings
    texts = {title: text for title, text in TEXTS.items() if covers(tokenizer, text)}
    corpus = ROOT / "corpus" / f"{folder.name}.txt"
    if corpus.exists():
        text = corpus.read_text(encoding="utf-8")
        texts["start of its corpus"] = text[:context]
        texts["end of its corpus"] = text[-context:]
    report.check(f"{folder.name}: its vocabulary covers a text to compare", texts, ", ".join(texts))
    compare_folder(report, temper, folder, texts, scratch)


def covers(tokenizer, text):
    """Whether every character of the text is in the vocabulary: the tokenizer refuses any other."""
    try:
        return bool(tokenizer(text)["input_ids"])
    except Exception:
        return False


# 2. Folders that Temper trains

def corpus_of_everything():
    """About 6,000 characters in which every text occurs many times, with all three line ends."""
    generator = random.Random(1)
    pieces = []
    for _ in range(25):
        texts = list(TEXTS.values())
        generator.shuffle(texts)
        pieces += [text + generator.choice(["\n", "\r\n", "\r", " \n"]) for text in texts]
    return "".join(pieces)


SHAPE = ["--layers", 2, "--width", 32, "--head-width", 64, "--feed-forward", 48, "--context", CONTEXT]


def train_small(temper, out, *more):
    options = [*SHAPE, "--steps", 40, "--batch", 4, "--seed", 1, *more]
    temper.train(corpus_of_everything(), out, *options)
    return out


def check_trained(report, temper, scratch):
    for tied in (True, False):
        folder = train_small(temper, scratch / ("tied" if tied else "untied"), *(["--tied"] if tied else []))
        config = json.loads((folder / "config.json").read_text())
        report.check(f"{folder.name}: config.json says so", config["tie_word_embeddings"] == tied)
        stored = "lm_head.weight" in load_file(folder / "model.safetensors")
        report.check(f"{folder.name}: lm_head.weight is stored only when untied", stored != tied)
        compare_folder(report, temper, folder, TEXTS, scratch)


# 3. Folders that transformers saves

FOREIGN = {
    "wide-head-tied": dict(hidden_size=48, head_dim=64, tie_word_embeddings=True),
    "wide-head-untied": dict(hidden_size=48, head_dim=64, tie_word_embeddings=False),
    "narrow-head-untied": dict(hidden_size=96, head_dim=32, tie_word_embeddings=False, num_hidden_layers=3),
    "other-theta-and-epsilon": dict(
        hidden_size=64, head_dim=64, tie_word_embeddings=True, rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0}),  # 10000 by default
    "bfloat16-tied": dict(hidden_size=48, head_dim=64, tie_word_embeddings=True, dtype="bfloat16"),
    "bfloat16-untied": dict(hidden_size=48, head_dim=128, tie_word_embeddings=False, dtype="bfloat16"),
}  # fmt: skip


def save_foreign(folder, settings, seed):
    """A random single-head Qwen3 model and a tokenizer of characters, saved by transformers itself."""
    tokenizer = character_tokenizer(corpus_of_everything())
    dtype = getattr(torch, settings.get("dtype", "float32"))
    shape = dict(num_hidden_layers=2, intermediate_size=80, max_position_embeddings=CONTEXT)
    shape |= dict(num_attention_heads=1, num_key_value_heads=1, vocab_size=tokenizer.get_vocab_size())
    config = Qwen3Config(**(shape | settings))
    model, generator = Qwen3ForCausalLM(config), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():  # nothing zero, nothing one: each tensor must matter
            noise = torch.randn(parameter.shape, generator=generator)
            gain = parameter.dim() == 1
            parameter.copy_(1 + 0.3 * noise if gain else 1.5 * noise / parameter.shape[1] ** 0.5)
    model.to(dtype).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=CONTEXT).save_pretrained(folder)


def character_tokenizer(text):
    """A tokenizer whose tokens are the extended grapheme clusters of a text, as Temper's are."""
    steps = [normalizers.Replace("\r\n", "\n"), normalizers.Replace("\r", "\n"), normalizers.NFC()]
    normalizer = normalizers.Sequence(steps)
    cutter = pre_tokenizers.Split(Regex(r"\X"), "isolated")
    clusters = {cluster for cluster, _ in cutter.pre_tokenize_str(normalizer.normalize_str(text))}
    vocabulary = {cluster: token for token, cluster in enumerate(sorted(clusters))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder = normalizer, cutter, decoders.Fuse()
    return tokenizer


def check_foreign(report, temper, scratch):
    for seed, (name, settings) in enumerate(FOREIGN.items()):
        save_foreign(scratch / name, settings, seed)
        report.group(name, compare_folder, temper, scratch / name, TEXTS, scratch)


# 4. AdamW

LEARNING_RATE, BETA1, BETA2, WEIGHT_DECAY = 1e-3, 0.9, 0.95, 0.1

# AdamW's first step is nearly the gradient's sign: where a gradient is as small as epsilon, rounding
# decides, and PyTorch's own float32 and float64 steps differ by up to 3e-5. With this seed, by 4e-7.
ADAMW_SEED = 5


def decays(name, parameter):
    """`ParameterEntry.decays`: matrices do, embeddings and output projection included; gains do not."""
    return parameter.dim() >= 2


def check_adamw(report, temper, scratch):
    for tied in (True, False):
        start = scratch / f"start-{'tied' if tied else 'untied'}"
        save_foreign(start, dict(hidden_size=48, head_dim=64, tie_word_embeddings=tied), ADAMW_SEED)
        for steps in (1, 3):
            name = f"{start.name}-adamw-{steps}"
            report.group(name, compare_adamw, temper, start, scratch / name, steps)


def compare_adamw(report, temper, start, out, steps):
    """The corpus is exactly one window, so that every step's batch is known."""
    tokenizer, model = load(start)
    window = tokenizer(corpus_of_everything())["input_ids"][: CONTEXT + 1]
    text, ids = tokenizer.decode(window), torch.tensor([window])

    temper.train(
        text, out, "--from", start, "--batch", 1, "--context", CONTEXT, "--steps", steps, "--validation", 0,
        "--optimizer", "adamw", "--learning-rate", LEARNING_RATE, "--schedule", "constant", "--warmup", 0,
        "--beta1", BETA1, "--beta2", BETA2, "--weight-decay", WEIGHT_DECAY, "--clip", 0,
        "--dropout", 0, "--label-smoothing", 0, "--z-loss", 0)  # fmt: skip

    model.double()  # what remains is Temper's rounding alone
    named = dict(model.named_parameters())  # a tied output projection is listed once
    groups = [
        {"params": [p for n, p in named.items() if decays(n, p)], "weight_decay": WEIGHT_DECAY},
        {"params": [p for n, p in named.items() if not decays(n, p)], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE, betas=(BETA1, BETA2), eps=1e-8)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(ids[:, :-1]).logits[0], ids[0, 1:]).backward()
        optimizer.step()

    ours, before = load_file(out / "model.safetensors"), load_file(start / "model.safetensors")
    single = all(tensor.dtype == torch.float32 for tensor in ours.values())
    report.check(f"{out.name}: same tensors, in F32", single and set(ours) == set(named), f"{len(named)}")
    still = [n for n in named if torch.equal(ours[n], before[n])]
    report.check(f"{out.name}: every tensor moved", not still, ", ".join(still))
    differences = {n: largest(ours[n].double() - p.detach().double()) for n, p in named.items()}
    worst = max(differences, key=differences.get)
    report.within(f"{out.name}: new weights (worst: {worst})", differences[worst], WEIGHT_LIMIT)


# 5. Attention that transformers does not have

def check_sparse(report, temper, scratch):
    for attention in ("sparsemax", "entmax15"):
        folder = train_small(temper, scratch / attention, "--attention", attention)
        score = temper.score(TEXTS["ASCII"], folder, scratch)
        report.check(f"{attention}: Temper runs it", score["loss"] < 5, f"loss {score['loss']:.3f}")
        for auto in (AutoConfig, AutoModelForCausalLM):
            try:
                auto.from_pretrained(folder, local_files_only=True)
                refusal = "loaded"
            except ValueError as error:
                refusal = str(error).split("\n")[0]
            refused = "temper_sparse" in refusal
            report.check(f"{attention}: {auto.__name__} refuses it", refused, refusal[:110])


def main():
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument("--temper", default=ROOT / ".build/release/temper", help="the built program")
    parser.add_argument("--model", type=Path, default=ROOT / "weights/fables", help="a shipped model folder")
    parser.add_argument("--only", choices=["shipped", "trained", "foreign", "adamw", "sparse"], action="append")
    parser.add_argument("--keep", type=Path, help="work in this new folder, and leave it")
    arguments = parser.parse_args()

    temper, report = Temper(arguments.temper), Report()
    if not temper.program.exists():
        sys.exit(f"{temper.program} does not exist: build it with `swift build -c release`, or give --temper")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as temporary:
        scratch = arguments.keep or Path(temporary)
        scratch.mkdir(parents=True, exist_ok=True)
        groups = {
            "shipped": lambda report: check_shipped(report, temper, arguments.model.resolve(), scratch),
            "trained": lambda report: check_trained(report, temper, scratch),
            "foreign": lambda report: check_foreign(report, temper, scratch),
            "adamw": lambda report: check_adamw(report, temper, scratch),
            "sparse": lambda report: check_sparse(report, temper, scratch),
        }
        for name, function in groups.items():
            if not arguments.only or name in arguments.only:
                report.group(name, function)

    print(f"{report.passed} passed, {report.failed} failed")
    sys.exit(1 if report.failed else 0)


if __name__ == "__main__":
    main()
