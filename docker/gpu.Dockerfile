# GPU image: docker build -f docker/gpu.Dockerfile -t paddleseg_lite_gpu . ; docker run --gpus all --shm-size 8g ...
# Written with care and not built: no container engine was at hand.
FROM nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04
# requirements-gpu.txt has the newest build of the package index; take the one that fits your CUDA from Paddle's own index.
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-pip libgl1 libglib2.0-0 libgomp1 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/paddleseg_lite
COPY requirements*.txt ./
RUN python3 -m pip install --no-cache-dir -r requirements-gpu.txt
COPY . .
RUN python3 -m pip install --no-cache-dir --no-deps .
WORKDIR /work
ENV PADDLESEG_LITE_CACHE=/tmp/paddleseg_lite
ENTRYPOINT ["paddleseg-lite"]
CMD ["--help"]
