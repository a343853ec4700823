"""Train the entity recogniser that config.cfg describes on features/train.spacy: `model/`.

Training is spaCy's own loop. After each epoch the model is scored on features/dev.spacy, and the best of them is kept.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import spacy
import srsly
from spacy.tokens import DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train as train_nlp
from thinc.api import Config

CONFIG = Path("config.cfg")
TRAIN = Path("features/train.spacy")
MODEL = Path("model")


def configuration(params: dict[str, Any], rows: int) -> Config:
    """config.cfg with the values of params.yaml and as many steps as the epochs take."""
    model = params["model"]
    epoch = -(-rows // model["batch_size"])
    values = {f"params.{name}": value for name, value in model.items()}
    # spaCy scores after every eval_frequency steps and stops behind max_steps, so the last epoch is scored too
    steps = {"training.eval_frequency": epoch, "training.max_steps": max(1, epoch * model["epochs"])}
    config = spacy.util.load_config(CONFIG, overrides={**values, **steps, "nlp.lang": params["language"]})
    if model["base"] is not None:
        config["components"] = pretrained(model["base"])
        config["nlp"]["pipeline"] = list(config["components"])
    return config


def pretrained(base: str) -> dict[str, dict[str, str]]:
    """The entity recogniser of a trained pipeline, and the component that it listens to if there is one."""
    pipeline = spacy.load(base)
    if "ner" not in pipeline.pipe_names:
        sys.exit(f"params.yaml: the base {base} has no entity recogniser; it has {', '.join(pipeline.pipe_names)}")
    return {
        name: {"source": base}
        for name, component in pipeline.pipeline
        if name == "ner" or "ner" in getattr(component, "listening_components", [])
    }


def train(params: dict[str, Any]) -> None:
    """Make `model/` anew."""
    vocab = spacy.blank(params["language"]).vocab
    docs = [doc for doc in DocBin().from_disk(TRAIN).get_docs(vocab) if len(doc)]
    labels = sorted({entity.label_ for doc in docs for entity in doc.ents})
    if not labels:
        sys.exit(f"{TRAIN}: no row has an entity, so there is nothing to learn")
    epochs = params["model"]["epochs"]
    print(f"training on {len(docs)} rows with {len(labels)} labels for {epochs} epochs", flush=True)
    nlp = init_nlp(configuration(params, len(docs)))
    recogniser: Any = nlp.get_pipe("ner")
    for label in labels:
        recogniser.add_label(label)  # a pretrained one does not know them yet
    shutil.rmtree(MODEL, ignore_errors=True)
    if epochs == 0:
        nlp.to_disk(MODEL)
        return
    if not sys.stdout.isatty():
        os.environ["ANSI_COLORS_DISABLED"] = "1"  # spaCy colours logs too
    with tempfile.TemporaryDirectory() as folder:
        train_nlp(nlp, Path(folder))
        shutil.copytree(Path(folder) / "model-best", MODEL)
    meta = srsly.read_json(MODEL / "meta.json")  # its scores by label are in the order of a set, another one each time
    (MODEL / "meta.json").write_text(srsly.json_dumps(meta, indent=2, sort_keys=True), encoding="utf-8")
    print(f"the best of them is {MODEL}/")


if __name__ == "__main__":
    train(srsly.read_yaml("params.yaml"))
