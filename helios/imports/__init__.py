"""From the autoscalers that a cluster has to HeliosTargets that observe, and from their ledgers to whom to switch on first."""
