# Everything starts from Python 3.12 and make: the first target that needs it fetches uv from PyPI
# into .uv/ (unless it is installed) and builds .venv/ from uv.lock.

PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
JOBS ?= 2

# Rendering needs no display. One thread per process: processes are what we run in parallel.
export MUJOCO_GL ?= egl
export OMP_NUM_THREADS ?= 1

# Inexact: what the ROS wheels put beside themselves looks like packages that nobody asked for.
SYNC := --frozen --all-extras --inexact

.PHONY: help setup ros gl demo test check pytest format lint types imports bench reproduce-lift table readme clean

help:
	@echo "make demo     install, then carry out an instruction; results in outputs/demo/"
	@echo "make test     install, then lint, type-check, check the layers, run the tests"
	@echo "make setup    install only (.venv from uv.lock)"
	@echo "make ros      install ROS 2 and build its messages, as the tests do"
	@echo "make format   rewrite the code as ruff wants it"
	@echo "make lint | types | imports   one check alone"
	@echo "make bench    time simulation and policy beside their peers"
	@echo "make reproduce-lift  a published result from nothing; fails when it has moved"
	@echo "make table    measure every skill, level and factor in an hour; resumable"
	@echo "make readme   write the measured results of zoo/ into README.md"

setup: .venv/.synced

.venv/.synced: pyproject.toml uv.lock .python-version
	@if ! command -v $(UV) >/dev/null 2>&1; then \
	  echo "Fetching uv from PyPI into .uv/"; \
	  $(PYTHON) -m venv .uv || { \
	    echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv" >&2; \
	    exit 1; }; \
	  .uv/bin/python -m pip install --quiet --disable-pip-version-check uv; \
	fi
	$(UV) sync $(SYNC) --no-extra ros
	@touch $@

# ROS 2 from wheels, and our own messages, which are built here: 20 to 40 seconds, once.
ros: .venv/.ros

.venv/.ros: .venv/.synced $(wildcard hardware/ros2/robot_skills_interfaces/*/*) hardware/ros2/robot_skills_interfaces/CMakeLists.txt
	@$(UV) sync $(SYNC) --group ros-interfaces || { \
	  echo "Messages of ROS 2 cannot be built here (needs a C compiler): their tests are skipped." >&2; \
	  $(UV) sync $(SYNC); }
	@if $(BIN)/python -c "import launch" 2>/dev/null; then \
	  $(UV) pip install --quiet --no-deps --python $(BIN)/python ./hardware/ros2/robot_skills_ros; \
	fi
	@touch $@

# Cameras render on the GPU or in software, through EGL in either case.
gl: setup
	@$(BIN)/python -m robot_skills.app.gl

demo: setup gl
	$(BIN)/robot-skills run "put the red cube in the drawer and close it" --seed 11 --out outputs/demo

test: setup ros gl check pytest

check: ros
	@$(MAKE) --no-print-directory lint types imports

# Files stay together on one worker: module fixtures (worlds, checkpoints) are built once.
pytest: ros
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: ros
	$(BIN)/pyright

imports: setup
	$(BIN)/lint-imports --no-cache

bench: setup gl
	$(BIN)/robot-skills bench sim
	$(BIN)/robot-skills bench policy

reproduce-lift: setup gl
	$(BIN)/python -m benchmarks.reproduce

table: setup gl
	$(BIN)/python -m benchmarks.table --workers $(JOBS)

readme: setup
	$(BIN)/python -m benchmarks.readme_table

clean:
	rm -rf .venv .uv outputs .pytest_cache .ruff_cache .hypothesis
