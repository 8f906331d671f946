"""Load on the inference service, in the mix that a sidecar sees: mostly questions, some probes and scrapes.

locust -f loadtest/inference_test.py --host=http://localhost:8080
"""

from __future__ import annotations

from locust import HttpUser, between, task

SNAPSHOT = {
    "cpu_utilization": 0.45,
    "memory_utilization": 0.62,
    "memory_bytes": 536870912,
    "db_cpu": 0.30,
    "db_memory": 0.55,
    "db_connections": 15,
}
WORKLOAD = {
    "namespace": "saleor",
    "deployment": "saleor-api",
    "current_replicas": 2,
    "current_metrics": {"cpu_utilization": 0.75, "memory_utilization": 0.60},
    "predicted_metrics": {"cpu_utilization": 0.85, "memory_utilization": 0.65},
    "anomaly_score": 1.2,
}


class InferenceUser(HttpUser):
    """A client that asks a few times a second; the requirements' own examples."""

    wait_time = between(0.05, 0.2)

    @task(6)
    def predict(self) -> None:
        """An hour ahead."""
        self.client.post("/predict", json={"metrics": SNAPSHOT, "periods": 12})

    @task(1)
    def predict_a_day(self) -> None:
        """A whole day ahead: the largest answer."""
        self.client.post("/predict", json={"metrics": SNAPSHOT, "periods": 288}, name="/predict (288)")

    @task(4)
    def detect(self) -> None:
        """An ordinary snapshot."""
        self.client.post("/detect", json={"metrics": SNAPSHOT})

    @task(4)
    def recommend(self) -> None:
        """The requirements' example; a wrong number of replicas counts as a failure."""
        with self.client.post("/recommend", json=WORKLOAD, catch_response=True) as response:
            advice = response.json().get("recommendations", []) if response.ok else []
            if [item["target_replicas"] for item in advice] != [4]:
                response.failure(f"not the requirements' answer: {response.text[:200]}")

    @task(2)
    def health(self) -> None:
        """A probe."""
        self.client.get("/health")

    @task(1)
    def metrics(self) -> None:
        """A scrape."""
        self.client.get("/metrics")
