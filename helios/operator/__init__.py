"""The Kubernetes operator: HeliosTargets in, reports, conditions and ScaledObjects out."""
