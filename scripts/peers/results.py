"""What is measured of one system at one setting."""

from dataclasses import asdict, dataclass, field

K = 10
"""Results of a query."""


@dataclass
class Result:
    """One system at one setting. Times are of the fastest round."""

    dataset: str
    system: str
    weights: str
    params: dict
    recall: float
    qps: float
    p50_us: float
    p99_us: float
    build_s: float
    bytes: int
    peak_bytes: int
    n: int
    dim: int
    k: int
    queries: int
    more: dict = field(default_factory=dict)

    def to_json(self) -> dict:
        """As an object, with `more` as keys of its own."""
        fields = asdict(self)
        fields |= fields.pop("more")
        if "rerank_us" in fields:
            fields["qps_with_rerank"] = 1e6 / (1e6 / self.qps + fields["rerank_us"])
        return fields
