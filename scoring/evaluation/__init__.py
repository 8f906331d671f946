"""How well forecasts were: measures, and the rolling origin that collects them. Pure: no file, no clock."""
