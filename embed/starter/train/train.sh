#!/bin/sh
# Trains the starter models from recipe.json: train.sh [small] [large]
# Options go to the command, see: train.sh -help
set -eu
cd "$(dirname "$0")/../../.."
exec go run ./embed/starter/train/recipe "$@"
