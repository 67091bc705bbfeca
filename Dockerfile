# One image for every part of Waybill: the command says which one it is (docs/deploy/compose.yaml).
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 WAYBILL_DATA_DIR=/var/lib/waybill
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/waybill waybill
WORKDIR /opt/waybill
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
# The keys are of no use to anybody and lie nowhere: they only let the settings be read.
RUN python -m compileall -q . \
    && WAYBILL_SECRET_KEY=build WAYBILL_SECRETS_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
       python manage.py collectstatic --noinput \
    && chmod -R a+rX /var/lib/waybill
USER waybill
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s CMD ["python", "-m", "config.healthy"]
CMD ["python", "-m", "config.web_server"]
