# syntax=docker/dockerfile:1

# Compiles the server. Nothing of this stage but its output is in the image.
FROM node:26-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without scripts, which would compile what is not there yet.
RUN npm ci --ignore-scripts
COPY build.js tsconfig.json tsconfig.build.json ./
COPY protocol ./protocol
COPY tls ./tls
COPY store ./store
COPY server ./server
RUN npm run build

FROM node:26-slim
WORKDIR /app
ENV NODE_ENV=production
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libjemalloc2 \
  && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force
COPY --from=build /app/dist ./dist
# "reprise" on the PATH, and a data directory that belongs to the user the server runs as.
RUN chmod +x dist/server/launch.js \
  && ln -s /app/dist/server/launch.js /usr/local/bin/reprise \
  && install --directory --owner=node --group=node --mode=0700 /data

# An ordinary user: Docker lets it listen on ports below 1024. Where a runtime does not, set
# REPRISE_IMAP_PORT and REPRISE_IMAPS_PORT to higher ones.
USER node
ENV REPRISE_DATA=/data
# jemalloc gives back what clients have left, by a thread of its own also when nobody comes any more. The allocator of glibc
# has to be told to, and takes a tenth more.
ENV LD_PRELOAD=libjemalloc.so.2 \
  MALLOC_CONF=background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0
VOLUME /data
EXPOSE 143 993
# A greeting and CAPABILITY on 143, a TLS handshake and the same on 993.
HEALTHCHECK --interval=30s --timeout=15s --start-period=15s --retries=3 CMD ["reprise", "healthcheck"]
CMD ["reprise", "serve"]
