"""
Runs the official scorers on inputs of our own wording and writes what they say to the JSON files beside this one.

    python3 tests/golden/official/make.py FOLDER

FOLDER holds clones named owner+name, bare or not, of the repositories in SOURCES. Every file records the repository, the
path and the commit of the script that scored it. Inputs follow from fixed seeds, so that the same commits give the same
files. Needs Python 3.11 (lib2to3 reads the scripts of Python 2) and numpy. Stubs stand in only for modules that do not
score: progress bars, loggers, argument files.
"""
import importlib.util, io, json, os, random, re, string, subprocess, sys, tempfile, types, warnings
from contextlib import redirect_stdout
from pathlib import Path

warnings.filterwarnings("ignore")
HERE, FOLDER = Path(__file__).parent, Path(sys.argv[1])

SOURCES = {
    "vqa": ("GT-Vision-Lab/VQA", "PythonEvaluationTools/vqaEvaluation/vqaEval.py"),
    "m4c": ("haotian-liu/LLaVA", "llava/eval/m4c_evaluator.py"),
    "mmf": ("facebookresearch/mmf", "mmf/utils/m4c_evaluators.py"),
    "scienceqa": ("haotian-liu/LLaVA", "llava/eval/eval_science_qa.py"),
    "pope": ("haotian-liu/LLaVA", "llava/eval/eval_pope.py"),
    "gqa": ("haotian-liu/LLaVA", "scripts/convert_gqa_for_eval.py"),
    "mmbench": ("open-compass/VLMEvalKit", "vlmeval/utils/matching_util.py"),
    "aokvqa": ("allenai/aokvqa", "evaluation/eval_predictions.py"),
    "bleu": ("tylin/coco-caption", "pycocoevalcap/bleu/bleu_scorer.py"),
    "rouge": ("tylin/coco-caption", "pycocoevalcap/rouge/rouge.py"),
    "cider": ("tylin/coco-caption", "pycocoevalcap/cider/cider_scorer.py"),
    "chair": ("LisaAnne/Hallucination", "utils/chair.py"),
    "synonyms": ("LisaAnne/Hallucination", "data/synonyms.txt"),
    "singular": ("clips/pattern", "pattern/text/en/inflect.py"),
    "mme": ("BradyFU/Awesome-Multimodal-Large-Language-Models", "tools/eval_tool.zip"),
    "qwen": ("QwenLM/Qwen-VL", "eval_mm/evaluate_vqa.py"),
}
BRANCHES = {"mme": "Evaluation"}


def git(name, *rest, text=True):
    repository = FOLDER / SOURCES[name][0].replace("/", "+")
    found = next(p for p in (repository / "repo" / ".git", repository / "repo", repository) if p.exists())
    return subprocess.run(["git", "-C", str(found), *rest], check=True, capture_output=True, text=text).stdout


def source(name, text=True):
    return git(name, "show", f"{BRANCHES.get(name, 'HEAD')}:{SOURCES[name][1]}", text=text)


def made_by(*names):
    return [
        {"repository": SOURCES[n][0], "file": SOURCES[n][1],
         "commit": git(n, "rev-parse", BRANCHES.get(n, "HEAD")).strip()} for n in names
    ]


def python3(text):
    """A script of Python 2 as Python 3 reads it."""
    from lib2to3 import refactor
    fixers = refactor.get_fixers_from_package("lib2to3.fixes")
    return str(refactor.RefactoringTool(fixers).refactor_string(text.expandtabs(8) + "\n", "script"))


def module(name, *, old=False, stubs=(), edit=lambda text: text):
    for path, attributes in dict(stubs).items():
        sys.modules[path] = types.ModuleType(path)
        for key, value in attributes.items():
            setattr(sys.modules[path], key, value)
    text = edit(source(name))
    out = types.ModuleType(name)
    exec(compile(python3(text) if old else text, SOURCES[name][1], "exec"), out.__dict__)
    return out


def write(name, by, **values):
    head = json.dumps({"made": made_by(*by)}, ensure_ascii=True)[:-1]
    parts = []
    for key, value in values.items():
        lines = ",\n".join(json.dumps(item, ensure_ascii=True) for item in value)
        parts.append(f",\n{json.dumps(key)}: [\n{lines}\n]")
    (HERE / f"{name}.json").write_text(head + "".join(parts) + "}\n")
    print(name, {key: len(value) for key, value in values.items()})


# Answers of people and models, with everything that a normaliser may trip over.
PLAIN = ["yes", "no", "cat", "dog", "red", "kitchen", "on the table", "tennis racket", "left", "stop sign"]
NASTY = [
    "two", "Two", "2", "ten", "None", "zero", "0", "a dog", "the dog", "an apple", "A", "the", "a an the", "",
    "t-shirt", "t shirt", "T-Shirt", "black -white", "black- white", "coca-cola", "coca cola", "yes, sir", "yes,sir",
    "1,000", "1000", "1,000-2", "3.5", "3.5 ft.", "ft. 3", "U.S.A.", "...", ".5", "5.", "10:30", "10:30 a.m.",
    "dont know", "don't know", "dont", "Im", "I'm", "hes", "what's", "cant", "somebody'd", "couldntve", "o'clock",
    "oclock", "cat\n", "\tcat", "cat\tdog", "red\nblue", " cat ", "red  blue", "yes!", "what?", "(cat)", "[cat]", "a/b",
    "a / b", "x_y", "x=y", "<b>", "50%", "$5", "#1", "&", "can't.", "No.", "it's", "dog's", "dogs'", "caf\u00e9",
    "CAF\u00c9", "\u00c9COLE", "stra\u00dfe", "\u0660,\u0661", "\u0664", "\u00bd", "\u00a0cat\u00a0", "cat\u2003dog",
    "\ufeffcat", "\x1ccat", "\u2028cat", "\u0130stanbul", "\u4e8c", "\U0001f600", "None of the above", "one two",
    "seven7", "`x`", '"cat"', "a\\b", "{x}", "x+y", "x;y", "x ; y", "-5", "5-", "10-20", "one-two", "1,2", "1, 2", "a,b",
]


def variant(rng, text):
    """The text, mostly, or a way in which people or models write it otherwise."""
    change = rng.choice([
        str, str, str, str.upper, str.title, lambda t: f" {t} ", lambda t: f"{t}.", lambda t: f"the {t}",
        lambda t: f"{t}!", lambda t: t.replace(" ", "-"), lambda t: t.replace("-", " "), lambda t: f"{t}\n", lambda t: f"a {t}",
        lambda t: t.replace("'", ""), lambda t: t.replace(" ", "  "), lambda t: f"({t})", lambda t: f"{t},",
    ])
    return change(text)


def people(rng, count=10):
    pool = NASTY if rng.random() < 0.7 else PLAIN
    first, second = rng.choice(pool), rng.choice(pool)
    shape = rng.random()
    if shape < 0.3:
        return [first] * count
    if shape < 0.5:
        agreed = rng.randint(1, count)
        return [first] * agreed + [variant(rng, first)] * (count - agreed)
    return [rng.choice([first, first, second, variant(rng, first), rng.choice(pool)]) for _ in range(count)]


def said(rng, answers):
    return variant(rng, rng.choice(answers)) if rng.random() < 0.85 else rng.choice(NASTY)


def vqa():
    script, rng, cases = module("vqa", old=True), random.Random(1), []
    for _ in range(500):
        answers = people(rng, rng.choice([10, 10, 10, 5, 3]))
        prediction = said(rng, answers)
        entry = {"question_type": "q", "answer_type": "a",
                 "answers": [{"answer": a, "answer_id": i} for i, a in enumerate(answers)]}
        reader = types.SimpleNamespace(getQuesIds=lambda: [1], qa={1: entry})
        results = types.SimpleNamespace(qa={1: {"answer": prediction}})
        with redirect_stdout(io.StringIO()):
            run = script.VQAEval(reader, results, n=12)
            run.evaluate()
        cases.append([answers, prediction, run.evalQA[1] / 100])
    write("vqa", ["vqa"], cases=cases)


def m4c():
    stub = {"tqdm": {"tqdm": lambda items: items}, "editdistance": {"eval": distance}}
    llava, mmf, rng = module("m4c", stubs=stub.items()), module("mmf"), random.Random(2)
    accuracy, anls, words = [], [], []
    for _ in range(300):
        answers = people(rng)
        entry = {"pred_answer": said(rng, answers), "gt_answers": answers}
        scores = [m.TextVQAAccuracyEvaluator().eval_pred_list([dict(entry)]) for m in (llava, mmf)]
        assert scores[0] == scores[1]
        accuracy.append([answers, entry["pred_answer"], scores[0]])
    for text in NASTY + [variant(rng, rng.choice(NASTY)) for _ in range(100)]:
        words.append([text, llava.EvalAIAnswerProcessor()(text)])
    for _ in range(200):
        answers = [a for a in people(rng, rng.randint(1, 3)) if a.strip()] or ["cat"]
        prediction = said(rng, answers)
        if rng.random() < 0.4 and prediction:
            at = rng.randrange(len(prediction))
            prediction = prediction[:at] + rng.choice(["", "x", "  "]) + prediction[at + 1:]
        score = llava.STVQAANLSEvaluator().eval_pred_list([{"pred_answer": prediction, "gt_answers": answers}])
        anls.append([answers, prediction, score])
    write("m4c", ["m4c", "mmf"], accuracy=accuracy, words=words, anls=anls)


def distance(a, b):
    """The package editdistance: Levenshtein's distance in code points."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row = row, [i]
        for j, y in enumerate(b, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (x != y)))
    return row[-1]


STATEMENTS = [
    "{}", "{}", "{}.", "{}. ", "{}. cat", "{}.cat", "{}.\ncat", " {}", "{} ", "{}\n", "({})", "{}:", "{} cat", "The answer is {}.",
    "The answer is {}", "The answer is {}\n", "The answer is {}!", "The answer is {} because", "the answer is {}.",
    "I think. The answer is {}.", "The answer is {}. No, The answer is A.", "The answer is {}. The answer is {}.",
    "The answer is {}\nThe answer is B.", "The answer is A.\nThe answer is {}.", "The answer is  {}.", "The answer is: {}.",
    "{}. The answer is B.", "The answer is ({}).", "The answer is {}\u2028x", "The answer is {}\rx", "Answer: {}", "FAILED", "",
    "Because it is red. The answer is {}.\nBECAUSE: so", "The answer is {}\U0001f600", "{}\nbecause", "\u00a0{}", "{}.\u00a0cat",
]


def scienceqa():
    rng, cases = random.Random(3), []
    for i in range(400):
        count = rng.randint(2, 5)
        text = rng.choice(STATEMENTS).replace("{}", rng.choice("AABBCCDDEFZa"))
        cases.append([count, rng.randrange(count), rng.random() < 0.5, text])
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        dump = lambda name, value: Path(at(name)).write_text(json.dumps(value))
        dump("pid_splits.json", {"test": [str(i) for i in range(len(cases))]})
        dump("problems.json", {str(i): {"choices": ["x"] * n, "answer": right} for i, (n, right, _, _) in enumerate(cases)})
        Path(at("answers.jsonl")).write_text("".join(
            json.dumps({"question_id": str(i), "prompt": "<image>\n?" if image else "?", "text": text}) + "\n"
            for i, (_, _, image, text) in enumerate(cases)))
        Path(at("script.py")).write_text(source("scienceqa"))
        out = subprocess.run(
            [sys.executable, at("script.py"), "--base-dir", folder, "--result-file", at("answers.jsonl"),
             "--output-file", at("out.json"), "--output-result", at("result.json")],
            check=True, capture_output=True, text=True).stdout
        result = json.loads(Path(at("result.json")).read_text())
    image = float(re.search(r"IMG-Accuracy: ([\d.]+)%", out)[1])
    write("scienceqa", ["scienceqa"], cases=[c + [result["results"][str(i)]] for i, c in enumerate(cases)],
          totals=[{"acc": result["acc"], "correct": result["correct"], "count": result["count"], "IMG": image}])


CHOICES = [
    ["a dog", "a cat", "a red bus", "a bench"], ["red", "blue"], ["yes", "no"], ["Paris", "Rome", "Paris, Texas"],
    ["1", "2", "3", "4"], ["A", "B", "C", "D"], ["cat", "Cat food", "dog", "hot dog"], ["left", "right", "up", "down"],
    ["The man is sitting", "The man is standing"], ["apple", "banana", "cherry", "date", "elderberry"],
    ["\u00c9cole", "stra\u00dfe", "\u0130"], ["b", "c", "d", "e"],
]
REPLIES = [
    "{L}", "{L}.", "({L})", "{L}. {c}", "Answer: {L}", "The answer is {L}", "The answer is {L}.", "The correct answer is **{L}**. Because A is wrong",
    "The correct answer is **{L}**. Because {M} is wrong and so is {N}", "answer is {l}", "THE ANSWER IS {l}", "the answer is {c}",
    "{c}", "{C}", "It is {c}", "It is {c}, not {d}", "A {c} is what I see over there", "A cat is sitting on the mat over there",
    "{L} is the best option here I think so yes", "I would say that the answer here is {L}", "The one with the {c} is {L}",
    "{L} or {M}", "{L}, {M}", "Z", "Z {c}", "{L} Z", "Sorry, I can't help with images of people yet.", "Cannot determine the answer {L}",
    "I can't process this file. {c}", "I'm sorry, but without the image provided, {L}", "Failed to obtain answer via API. {L}", "Failed to obtain answer via API",
    "Failed to obtain answer via API {c}", "", " ", "\n{L}\n", "{L}\u2003is it", "option {L}!", "#{L}", "{{{L}}}", "\u201c{L}\u201d", "{L}:{c}", "{L}-{c}", "{L}/{M}",
    "{l}", "{L}{M}", "I think {L} because of the way in which the light falls", "one two three {L} five six seven", "one {L} three four five", "one two {L} four five six",
    "{L} two three four", "{L} two three four five", "A two three four {L}", "{c} {c} {c} {c} {c} {c} {c} {c}", "correct answer is\n\n{L}", "answer is***{L}***",
    "answer is *{L}", "An{L}wer is {L}", "the answer is not {L}", "The answer is believed to be {c}", "E", "E. {c}", "answer is E", "The final answer is {L}, definitely, without a doubt or two",
]


def mmbench():
    logger = types.SimpleNamespace(info=print, warning=print)
    script = module("mmbench", stubs={"vlmeval": {}, "vlmeval.smp": {}, "vlmeval.smp.log": {"get_logger": lambda _: logger}}.items())
    rng, cases, seen = random.Random(4), [], set()
    while len(cases) < 700:
        choices = rng.choice(CHOICES)
        letters = string.ascii_uppercase[:len(choices)]
        pick = lambda: rng.choice(letters)
        letter, (c, d) = pick(), rng.sample(choices, 2)
        fields = {"L": letter, "M": pick(), "N": pick(), "l": letter.lower(), "c": c, "C": c.upper(), "d": d}
        answer = rng.choice(REPLIES).format(**fields)
        if (answer, tuple(choices)) in seen:
            continue
        seen.add((answer, tuple(choices)))
        got = script.can_infer(answer, dict(zip(letters, choices)))
        cases.append([choices, answer, got or None])
    write("mmbench", ["mmbench"], cases=cases)


def aokvqa():
    script = module("aokvqa", stubs={"load_aokvqa": {"load_aokvqa": None}}.items())
    rng, direct, choice = random.Random(5), [], []
    for _ in range(150):
        answers = people(rng)
        entry = {"question_id": "q", "choices": [], "direct_answers": answers, "difficult_direct_answer": False}
        prediction = said(rng, answers)
        direct.append([answers, prediction, script.eval_aokvqa([entry], {"q": prediction}) / 100])
        choices = rng.sample(PLAIN, 4)
        prediction = rng.choice(choices)
        entry = {"question_id": "q", "choices": choices, "direct_answers": [], "correct_choice_idx": rng.randrange(4)}
        score = script.eval_aokvqa([entry], {"q": prediction}, multiple_choice=True) / 100
        choice.append([choices, entry["correct_choice_idx"], prediction, score])
    write("aokvqa", ["aokvqa"], direct=direct, choice=choice)


YESNO = [
    "yes", "Yes", "no", "No", "NO", "not", "Not", "no.", "No, there is none", "there is not", "Yes. No", "yes no", "", "nothing",
    "none", "no!", "maybe no\n", "\tno", "I say no. Yes.", "it is,no", "no,yes", "There is no dog in the image.", "a no", "nyes",
    "oh yes", "   yes", "he no", "Yes, it is", "unknown", "no\u00a0dog", "Nope", "knot", ". no", "I do not", "yes\nno", "YES",
]


def pope():
    script, rng, cases = module("pope"), random.Random(6), []
    for text in YESNO:
        answers = [{"text": text}]
        cases.append([text, count_yes(script, answers)])
    items = [[rng.choice(YESNO), rng.random() < 0.5] for _ in range(300)]
    with tempfile.TemporaryDirectory() as folder:
        labels = os.path.join(folder, "labels.json")
        Path(labels).write_text("".join(json.dumps({"label": "yes" if truth else "no"}) + "\n" for _, truth in items))
        out = io.StringIO()
        with redirect_stdout(out):
            script.eval_pope([{"text": text} for text, _ in items], labels)
    found = {key: float(value) for key, value in re.findall(r"(Accuracy|Precision|Recall|F1 score|Yes ratio): ([\d.]+)", out.getvalue())}
    write("pope", ["pope"], read=cases, items=items, totals=[found])


def count_yes(script, answers):
    with tempfile.TemporaryDirectory() as folder:
        labels = os.path.join(folder, "labels.json")
        Path(labels).write_text('{"label": "yes"}\n')
        try:
            with redirect_stdout(io.StringIO()):
                script.eval_pope(answers, labels)
        except ZeroDivisionError:
            pass
    return answers[0]["text"] == "yes"


def gqa():
    texts = NASTY + [t + end for t in PLAIN for end in ("", ".", "..", ". ", ".\n", "!")] + [t.upper() for t in PLAIN]
    with tempfile.TemporaryDirectory() as folder:
        at = lambda name: os.path.join(folder, name)
        Path(at("a.jsonl")).write_text("".join(json.dumps({"question_id": "q", "text": t}) + "\n" for t in texts))
        Path(at("script.py")).write_text(source("gqa"))
        subprocess.run([sys.executable, at("script.py"), "--src", at("a.jsonl"), "--dst", at("b.json")], check=True)
        read = [entry["prediction"] for entry in json.loads(Path(at("b.json")).read_text())]
    write("gqa", ["gqa"], read=[list(pair) for pair in zip(texts, read)])


def mme():
    import zipfile
    text = zipfile.ZipFile(io.BytesIO(source("mme", text=False))).read("eval_tool/calculation.py").decode()
    names = ["accuracy_score", "precision_score", "recall_score", "confusion_matrix"]
    metrics = {name: lambda *_, **__: 0 for name in names}
    metrics["accuracy_score"] = lambda a, b: sum(x == y for x, y in zip(a, b)) / len(a)
    metrics["confusion_matrix"] = lambda *_, **__: [[0, 0], [0, 0]]
    for path, values in {"sklearn": {}, "sklearn.metrics": metrics}.items():
        sys.modules[path] = types.ModuleType(path)
        sys.modules[path].__dict__.update(values)
    script = types.ModuleType("mme")
    exec(compile(text, "calculation.py", "exec"), script.__dict__)
    rng, tool = random.Random(7), script.calculate_metrics()
    lines = [t for t in YESNO if "\t" not in t and "\n" not in t]
    read = [[t, tool.parse_pred_ans(t.lower())] for t in lines]
    items = []
    with tempfile.TemporaryDirectory() as folder:
        for task in script.eval_type_dict["Perception"] + script.eval_type_dict["Cognition"]:
            rows = [[task, f"{i}.jpg", answer, rng.choice([answer, rng.choice(lines)])] for i in range(4) for answer in ("Yes", "No")]
            items.extend(rows)
            Path(folder, f"{task}.txt").write_text("".join(f"{i}\tq?\t{a}\t{t}\n" for _, i, a, t in rows))
        out = io.StringIO()
        with redirect_stdout(out):
            tool.process_result(folder)
    totals = [float(x) for x in re.findall(r"total score: ([\d.]+)", out.getvalue())]
    scores = {k: float(v) for k, v in re.findall(r"\t (\w+)  score: ([\d.]+)", out.getvalue())}
    write("mme", ["mme"], read=read, items=items, totals=[{"perception": totals[0], "cognition": totals[1], **scores}])


def qwen():
    """The two functions of evaluate_vqa.py that score; the rest of the file loads a model."""
    text = source("qwen")
    parts = re.findall(r"^def (?:relaxed_correctness|evaluate_\w+_accuracy)\(.*?(?=^\S)", text + "\nend", re.S | re.M)
    script = types.ModuleType("qwen")
    exec(compile("from typing import Optional\n" + "".join(parts), "evaluate_vqa.py", "exec"), script.__dict__)
    rng, exact = random.Random(8), []
    for _ in range(150):
        truth = rng.choice(NASTY)
        prediction = variant(rng, truth) if rng.random() < 0.8 else rng.choice(NASTY)
        exact.append([truth, prediction, script.evaluate_exact_match_accuracy([{"annotation": truth, "answer": prediction}])])
    write("qwen", ["qwen"], exact=exact)


WORDS = "a the man woman dog cat is are sitting standing on in with red blue table chair two plates of food street".split()


def captions():
    import numpy
    scripts = {n: module(n, old=True, stubs={"pdb": {}}.items()) for n in ("bleu", "rouge", "cider")}
    rng, corpora, results = random.Random(9), [], []
    sentence = lambda low, high: " ".join(rng.choice(WORDS) for _ in range(rng.randint(low, high)))
    for size in (1, 2, 5, 20):
        corpus = []
        for _ in range(size):
            references = [sentence(1, 12) for _ in range(rng.randint(1, 5))]
            words = rng.choice(references).split()
            kind = rng.random()
            caption = " ".join(words) if kind < 0.2 else sentence(1, 12) if kind < 0.5 else " ".join(
                w if rng.random() < 0.7 else rng.choice(WORDS) for w in words)
            corpus.append([caption, references])
        if size == 20:
            corpus[3][0] = ""
        bleu, cider, rouge = scripts["bleu"].BleuScorer(n=4), scripts["cider"].CiderScorer(n=4, sigma=6.0), scripts["rouge"].Rouge()
        for caption, references in corpus:
            bleu += (caption, references)
            cider += (caption, references)
        with redirect_stdout(io.StringIO()):
            scores, _ = bleu.compute_score(option="closest")
        mean, each = cider.compute_score()
        corpora.append(corpus)
        results.append({"Bleu": [float(x) for x in scores], "CIDEr": float(mean), "each": [float(x) for x in each],
                        "ROUGE_L": [float(rouge.calc_score([c], r)) for c, r in corpus]})
    write("captions", ["bleu", "rouge", "cider"], corpora=corpora, results=results)


def chair():
    text = source("singular")
    start = text.index("#### SINGULARIZE")
    prepositions = text[text.index("plural_prepositions"):]
    rules = prepositions[:prepositions.index("))") + 2] + "\n" + text[start:text.index("#### VERB CONJUGATION")]
    inflect = types.ModuleType("inflect")
    exec(compile("import re\nNOUN = 'NN'\n" + rules, "inflect.py", "exec"), inflect.__dict__)
    nltk = types.SimpleNamespace(WordNetLemmatizer=lambda: None)
    stubs = {"nltk": {"wordnet": nltk, "word_tokenize": str.split}, "nltk.stem": {}, "pattern": {},
             "pattern.en": {"singularize": inflect.singularize}, "misc": {}}
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(os.path.join(folder, "data"))
        Path(folder, "data", "synonyms.txt").write_text(source("synonyms"))
        before = os.getcwd()
        os.chdir(folder)
        tool = module("chair", old=True, stubs=stubs.items()).CHAIR([], "")
        os.chdir(before)
    rng = random.Random(10)
    names = sorted({w for entry in tool.mscoco_objects for w in entry.split()})
    forms = lambda w: [w, w + "s", w + "es", w[:-1] + "ies", w[:-1] + "ves", w[:-2] + "ves", w[:-2] + "en", w + "'", w + "'s"]
    others = """glass glasses bus buses men women children people geese mice lice teeth feet leaves knives scarves loaves lives
        wolves halves dress dresses boss classes gas gases lens lenses series species news fish sheep deer pies ties movies
        zombies quizzes matrices indices oxen shoes toes heroes potatoes churches boxes foxes bushes analyses theses crises
        axes roses noses vases houses hypotheses octopi viri data media criteria larvae bureaux this is was his its us as yes
        has does goes christmas chassis grass pass less always perhaps mother-in-law mothers-in-law men-at-work police ies s es
        ves i a ss x tv tvs phones skis scissors shorts pants jeans clothes dishes couches benches sandwiches toothbrushes
        giraffes zebras puppies ponies kitties doggies babies ladies ferries trolleys turkeys donkeys monkeys keys""".split()
    words = sorted({f for w in names for f in forms(w) if len(f) > 1} | set(others))
    singular = [[w, inflect.singularize(w)] for w in words]
    plain = "a the of and on with in near is are sitting standing large red old his this has was".split()
    entries = sorted(set(tool.mscoco_objects)) + list(tool.double_word_dict) + ["toilet seat", "home plates", "tie", "bow ties",
        "wine glasses", "baby elephants", "passenger trains", "adult bears", "motor bikes", "toilet", "seats", "people", "men"]
    captions = []
    for _ in range(300):
        parts = []
        for _ in range(rng.randint(1, 5)):
            entry = rng.choice(entries)
            parts += rng.choices(plain, k=rng.randint(0, 2)) + [entry if rng.random() < 0.5 else entry + "s"]
        caption = " ".join(parts)
        captions.append([caption, tool.caption_to_words(caption)[1]])
    write("chair", ["chair", "synonyms", "singular"], singular=singular, captions=captions)


for run in (vqa, m4c, scienceqa, mmbench, aokvqa, pope, gqa, mme, qwen, captions, chair):
    run()
