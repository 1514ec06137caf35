"""bench's models under the harness's own command: `bench lm-eval run --model bench --model_args model=hf:PATH`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.model import LM  # noqa: TID253 - the class that this file extends
from lm_eval.api.registry import register_model  # noqa: TID253

from bench.capabilities import Machine
from bench.errors import UsageError
from bench.harness.documents import Ask
from bench.harness.generating import draws
from bench.harness.rolling import roll
from bench.language import Conversational, LanguageModel
from bench.models.building import build
from bench.models.devices import device as find_device
from bench.models.hf.checkpoint import dtype_name
from bench.specs import Spec, parse


@register_model("bench")
class BenchLM(LM):  # type: ignore[misc]  # the harness is not typed
    """A language model of bench as the harness asks one.

    model: a spec of bench (`hf:PATH`), its other parameters as further arguments; pretrained: a folder or a hub name,
    as for the harness's own `hf`.  seed: of texts drawn at random.
    """

    def __init__(
        self,
        model: str = "",
        pretrained: str = "",
        *,
        batch_size: int | str | None = None,
        max_batch_size: int | None = None,  # noqa: ARG002 - the harness always gives it
        device: str | None = None,
        dtype: str = "auto",
        seed: int = 0,
        trust_remote_code: bool = False,
        **parameters: Any,
    ) -> None:
        super().__init__()
        if bool(model) == bool(pretrained):
            raise UsageError(
                "which model?" if not model else "two models are named",
                cause="the harness's model 'bench' takes one of model=SPEC and pretrained=PATH",
                fix="write --model bench --model_args pretrained=PATH",
            )
        spec = parse(model) if model else Spec("hf", pretrained)
        machine = Machine(
            _device(device),
            dtype_name(dtype),
            _batch(batch_size),
            trust_remote_code=trust_remote_code,
        )
        built = build(Spec(spec.name, spec.target, {**spec.params, **parameters}), machine)
        if not isinstance(built, LanguageModel):
            raise UsageError(
                f"model '{spec}' is no language model", cause="it scores no texts", fix="bench list models"
            )
        self._model = built
        self._seed = seed
        self._device = machine.device

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """(log-likelihood, whether greedy) of each continuation."""
        scored = self._model.score([(str(one.args[0]), str(one.args[1])) for one in requests])
        answers = [(float(one.logprobs.sum()), one.greedy) for one in scored]
        return self._kept("loglikelihood", requests, answers)

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        """Log-likelihood of each whole text."""
        rolled = roll(self._model, [str(one.args[0]) for one in requests])
        return self._kept("loglikelihood_rolling", requests, [float(one.whole.logprobs.sum()) for one in rolled])

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """A text for each request; what is drawn at random is drawn by the seed, the prompt and the repeat."""
        asked: dict[str, int] = {}
        drawn = []
        for one in requests:
            prompt, settings = str(one.args[0]), json.dumps(one.args[1], sort_keys=True)
            name = hashlib.blake2b(f"{prompt}\0{settings}".encode(errors="surrogatepass"), digest_size=8).hexdigest()
            repeat = asked[name] = asked.get(name, -1) + 1
            drawn += draws(Ask("generate_until", prompt, settings=settings), prompt, self._seed, f"{name}-{repeat}")
        return self._kept("generate_until", requests, [text.text for text in self._model.generate(drawn)])

    def apply_chat_template(self, chat_history: Sequence[Mapping[str, str]], add_generation_prompt: bool = True) -> str:
        """The conversation as the model's chat template writes it."""
        return self._talking.render(chat_history, prefill=not add_generation_prompt)

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """What the harness notes as the template: the form that a turn takes."""
        return self._talking.render([{"role": "user", "content": "{}"}], prefill=False) if chat_template else None

    @property
    def tokenizer_name(self) -> str:
        """By what the harness tells request caches of different templates apart."""
        template = self.chat_template(True) or ""
        return hashlib.blake2b(template.encode(), digest_size=8).hexdigest()

    @property
    def _talking(self) -> Conversational:
        if not isinstance(self._model, Conversational):
            raise UsageError(
                "the model has no chat template", cause="--apply_chat_template needs one", fix="leave it out"
            )
        return self._model

    def _kept(self, way: str, requests: Sequence[Any], answers: list[Any]) -> list[Any]:
        """Offer each answer to the harness's own cache (`--use_cache`)."""
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial(way, request.args, answer)
        return answers


def _device(name: str | None) -> str:
    """The harness's `--device`; its default, cuda:0, means what is there."""
    return str(find_device("auto" if name in {None, "cuda:0"} else name))


def _batch(size: int | str | None) -> int:
    """The harness's `--batch_size`; its "auto", and its default of 1, leave the choice to bench."""
    text = str(size or 1)
    return int(text) if text.isdigit() and text != "1" else 0
