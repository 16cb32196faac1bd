"""How a line looks and how a number is written, alike in the figures and in the report.

Colours are Okabe and Ito's, which colour-blind readers can tell apart; markers and line styles
carry the distinction in grey. `INK` is each colour darkened until text in it has a contrast of
4.5 : 1 on white, `DARK` lightened for a dark page.
"""

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8a6d00"]
INK = ["#0072B2", "#B44F00", "#007D5B", "#A6517E", "#946600", "#20719F", "#000000", "#806500"]
DARK = ["#57B1EE", "#FF8A3D", "#2CCB9C", "#E8A0C6", "#F5B83D", "#9AD5F8", "#F0F0F0", "#D3B44A"]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]
SYMBOLS = ["circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "star"]
STROKES = ["-", (0, (6, 1.5)), (0, (3, 1.2)), (0, (6, 1.5, 1, 1.5)), (0, (1.2, 1.2)),
           (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (9, 2)), (0, (3, 1.2, 1, 1.2))]
DASHES = ["solid", "9px,3px", "5px,2px", "9px,3px,2px,3px", "2px,2px", "9px,3px,2px,3px,2px,3px",
          "14px,4px", "5px,2px,2px,2px"]

PARTS = ["attention", "projections", "feed_forward", "head", "rest"]
PART_COLOURS = ["#D55E00", "#56B4E9", "#0072B2", "#009E73", "#BBBBBB"]
PART_INK = ["#B44F00", "#20719F", "#0072B2", "#007D5B", "#6f6f6f"]
PART_NAMES = {"attention": "attention", "projections": "projections", "feed_forward": "feed-forward",
              "head": "head", "rest": "rest"}

QUANTITY_NAMES = {
    "training_step_seconds": "Training step: time",
    "training_step_attention_seconds": "Training step: time of attention",
    "forward_seconds": "Forward pass: time",
    "forward_attention_seconds": "Forward pass: time of attention",
    "decode_step_seconds": "Decoding one token: time",
    "decode_step_attention_seconds": "Decoding one token: time of attention",
    "training_step_flops": "Training step: FLOPs",
    "training_step_attention_flops": "Training step: FLOPs of attention",
    "decode_step_attention_flops": "Decoding one token: FLOPs of attention",
    "peak_total_bytes": "Training step: peak memory",
    "attention_activation_bytes": "Kept by attention for the backward pass",
    "state_bytes": "State while decoding",
    "prefill_seconds": "Taking the prompt: time",
    "prefill_attention_seconds": "Taking the prompt: time of attention",
}


def place(number: int) -> tuple[int, int]:
    """Index of the colour (and line style) and of the marker; the pair differs in 64 lines."""
    return number % len(COLOURS), (number + number // len(COLOURS)) % len(MARKERS)


def quantity_name(name: str) -> str:
    return QUANTITY_NAMES.get(name, name.replace("_", " "))


def scaled(value: float, units: list, step: float) -> str:
    """1536 with units B, KiB and step 1024 -> '1.5 KiB'."""
    power = 0
    while abs(value) >= step * (1 - 1e-9) and power + 1 < len(units):
        value, power = value / step, power + 1
    return f"{value:.3g} {units[power]}".strip()


def seconds_text(value: float, _=None) -> str:
    return scaled(value * 1e6, ["µs", "ms", "s"], 1000)


def bytes_text(value: float, _=None) -> str:
    return scaled(value, ["B", "KiB", "MiB", "GiB", "TiB"], 1024)


def flops_text(value: float, _=None) -> str:
    return scaled(value, ["", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"], 1000)


def count_text(value: float) -> str:
    return f"{round(value):,}"


def exponent_text(value: float) -> str:
    return f"{value:.2f}"


FORMATS = {"s": seconds_text, "byte": bytes_text, "FLOP": flops_text, "exponent": exponent_text}


def text_of(value: float | None, unit: str = "") -> str:
    """A number with its unit in three digits; '' where there is none."""
    if value is None:
        return ""
    return FORMATS[unit](value) if unit in FORMATS else f"{value:.3f}"


def interval_text(low: float | None, high: float | None, unit: str = "") -> str:
    """'[1.02, 1.10]'; an end that is not known is open ('…'), '' without either."""
    if low is None and high is None:
        return ""
    return f"[{text_of(low, unit) or '…'}, {text_of(high, unit) or '…'}]"
