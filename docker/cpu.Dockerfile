# CPU image: docker build -f docker/cpu.Dockerfile -t paddleseg_lite .
# Written with care and not built: no container engine was at hand.
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libgomp1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/paddleseg_lite
COPY requirements.txt requirements-fast.txt ./
RUN pip install --no-cache-dir -r requirements.txt -r requirements-fast.txt
COPY . .
RUN pip install --no-cache-dir --no-deps .
WORKDIR /work
ENV PADDLESEG_LITE_CACHE=/tmp/paddleseg_lite
ENTRYPOINT ["paddleseg-lite"]
CMD ["--help"]
