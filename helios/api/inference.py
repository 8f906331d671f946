"""The routes of the requirements' three questions.

They are `async` on purpose: an answer to a snapshot is a few hundred microseconds of arithmetic, less than the way to a
thread and back. A live target's forecast and a trained model's opinion take longer, and are made in a thread.
"""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from helios.api.answers import Detection, Prediction, Recommendations
from helios.api.contexts import Context
from helios.api.detections import detect
from helios.api.predictions import predict
from helios.api.problems import responses
from helios.api.questions import DetectQuestion, PredictQuestion, RecommendQuestion
from helios.api.recommendations import recommend
from helios.api.renderings import json_response

_BODY_ERRORS = (400, 413, 415, 422, 503)


def inference_routes(context: Context) -> APIRouter:
    """/predict, /detect and /recommend."""
    router = APIRouter(tags=["inference"])

    @router.post("/predict", response_model=Prediction, responses=responses(404, *_BODY_ERRORS))
    async def predict_utilization(question: PredictQuestion) -> Response:
        """Forecast CPU and memory utilisation of a snapshot, or of a live target, with a P10..P90 band."""
        if question.namespace is not None:
            return json_response(await run_in_threadpool(predict, context, question))
        return json_response(predict(context, question))

    @router.post("/detect", response_model=Detection, responses=responses(404, *_BODY_ERRORS))
    async def detect_anomaly(question: DetectQuestion) -> Response:
        """Score how unusual a snapshot is, in sigmas, and say which metrics make it so."""
        trained = bool(question.recent) or context.models.snapshots is not None
        if question.namespace is not None or trained:  # the first of them loads XGBoost, which takes a second
            return json_response(await run_in_threadpool(detect, context, question))
        return json_response(detect(context, question))

    @router.post("/recommend", response_model=Recommendations, responses=responses(*_BODY_ERRORS))
    async def recommend_action(question: RecommendQuestion) -> Response:
        """Say what to do about a snapshot: scale, change a request, look into an anomaly, or nothing."""
        return json_response(recommend(context, question))

    return router
