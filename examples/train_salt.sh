#!/bin/sh
# The picture models of the salt room from nothing, every fold by the same recipe:
#
#   sh examples/train_salt.sh DATA UNLABELLED RUNS [what every `outcrop train` shall also be told, e.g. --device cuda]
#
# DATA holds images/ and masks/, UNLABELLED is a folder or .zip of pictures. Stopped, the same command goes on.
# Afterwards RUNS/judged holds metrics.json, evaluation.html and the model files.
set -eu
data=$1 unlabelled=$2 runs=$3
shift 3
outcrop=${OUTCROP:-outcrop}
later='phases=[[1.0, "lovasz-symmetric + 0.1*bce"]]'

# 1. Labelled pictures alone, small ones first: 2.5 times as many in the same time.
$outcrop train salt "$data" --out "$runs/first" --resume --set 'sizes=[[0.75, 64], [0.25, 112]]' "$@"

# 2. Beside pictures that the first round is sure of, from its weights.
$outcrop train salt "$data" --out "$runs/second" --resume --start "$runs/first" --teacher "$runs/first" \
    --pseudo "$unlabelled" --set "$later" --set learning_rate=0.0008 --set epochs=14 "$@"

# 3. Once more, labelled by the second round, on tilted and stretched pictures; half way between its start and its end,
# with its normalisation measured anew.
$outcrop train salt "$data" --out "$runs/third" --resume --start "$runs/second" --teacher "$runs/second" \
    --pseudo "$unlabelled" --set "$later" --set learning_rate=0.0006 --set epochs=24 --set blend=0.5 --set norms_from=1280 \
    --set augment.dip=0.15 --set augment.stretch=0.15 "$@"

$outcrop evaluate salt "$data" --run "$runs/third" --out "$runs/judged" --export --overwrite
