import subprocess
import sys

import numpy as np
import pytest

from policies.text import MiniLmEncoder, _erf

SENTENCES = ["put the red cube in the drawer", "open the drawer!", "Ünïcode größer", "", "a " * 400]


@pytest.fixture(scope="module")
def encoder() -> MiniLmEncoder:
    return MiniLmEncoder()


def test_embeddings_have_unit_length(encoder):
    out = encoder.encode(SENTENCES)
    assert out.dtype == np.float32
    assert out.shape == (len(SENTENCES), 384)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0, atol=1e-5)


def test_no_texts_give_no_embeddings(encoder):
    assert encoder.encode([]).shape == (0, 384)


def test_an_embedding_does_not_depend_on_its_neighbours(encoder):
    together = encoder.encode(SENTENCES)
    for row, text in enumerate(SENTENCES):
        np.testing.assert_array_equal(encoder.encode([text])[0], together[row])


def test_words_have_features_by_themselves_and_in_their_sentence(encoder):
    alone, after = encoder.tokens("cube"), encoder.tokens("the cube")
    assert alone.shape == (3, 768)
    np.testing.assert_allclose(alone[1, :384], after[2, :384], atol=1e-6)
    assert np.abs(alone[1, 384:] - after[2, 384:]).max() > 0.01
    mean = alone[:, 384:].mean(axis=0)
    np.testing.assert_allclose(mean / np.linalg.norm(mean), encoder.encode(["cube"])[0], atol=1e-5)


def test_a_paraphrase_is_nearer_than_another_meaning(encoder):
    asked, same, other = encoder.encode(
        ["pick up the red block", "grab the scarlet cube", "close the cabinet drawer"]
    )
    assert asked @ same > asked @ other + 0.1


def test_error_function_is_accurate():
    from math import erf

    x = np.linspace(-5.0, 5.0, 501, dtype=np.float32)
    np.testing.assert_allclose(_erf(x), [erf(float(v)) for v in x], atol=5e-7)


def test_encoding_needs_neither_torch_nor_transformers():
    code = (
        "import sys; from policies.text import MiniLmEncoder; MiniLmEncoder().encode(['hello']);"
        "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_embeddings_equal_those_of_transformers(encoder):
    import torch
    from transformers import BertModel, PreTrainedTokenizerFast

    from policies.text import _model_directory

    directory = _model_directory()
    model = BertModel.from_pretrained(directory, local_files_only=True).eval()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(directory / "tokenizer.json"), pad_token="[PAD]"
    )
    ours = encoder.encode(SENTENCES)
    for row, text in enumerate(SENTENCES):
        batch = tokenizer(text, truncation=True, max_length=128, return_tensors="pt")
        with torch.inference_mode():
            mean = model(**batch).last_hidden_state[0].mean(dim=0)
        theirs = torch.nn.functional.normalize(mean, dim=0).numpy()
        np.testing.assert_allclose(ours[row], theirs, atol=2e-5)
