"""`python -m tests.benchmarks [NAME]...` prints what was measured on this machine.

All by default, but the last:

    job       the default job as the command line does it: seconds in all, and by phase
    studio    cold start to the first page, pages while a job runs, and what the web process holds
    home      how soon Home is visible and usable on a warm server, and how much it carries (in Chromium)
    run       how soon a finished run's first viewport stands, and a step of its slider is painted (in Chromium)
    defaults  the default job of every embedded model, from the command to its answer
    viewers   50 and 200 viewers who ask without pause, and what the web process holds after 500 page loads (minutes)
    methods   each method's time, in epochs of plain fine-tuning on the same data (some minutes)
    form      how much an event of the form carries, and how soon a click and a typed number are answered (in Chromium)
    drawing   a step of ESD against a plain loop, and what is gained by keeping what does not change
    language  the default job of authors-lm by phase, and what each way of being quick saves of it
    routing   the default job of authors-moe by phase, and how soon the routing of 2,000 words is seen
    estimates what the form says before Start about time and memory, against what the job then needs
    queue     1,000 runs on 8 simulated workers of which some are lost, while pages are opened: what is lost, done twice, and how soon pages stand
    real-size whole jobs at the size of Stable Diffusion 1.4 with random weights (16 GB of memory; only where it is named)

A whole class at once is a command of its own: `python -m tests.benchmarks.class_of_forty`; so are step time and memory of every
method at the size of Stable Diffusion, Llama 1B and the like, on a GPU: `python -m tests.benchmarks.gpu`.

Other work on the machine makes every number larger; the load is printed with them.
"""

import os
import sys
import tempfile

from . import drawing, estimates, form, home, jobs, language, queue, real_size, routing, run_page, studio, viewers


def main() -> int:
    """Measure what was asked for, in a home that is thrown away. Returns 2 where something else was named."""
    known = {
        "job": jobs.default_job,
        "studio": studio.studio,
        "home": home.home,
        "run": run_page.run_page,
        "defaults": jobs.defaults,
        "viewers": viewers.viewers,
        "methods": jobs.methods,
        "form": form.form,
        "drawing": drawing.drawing,
        "language": language.language,
        "routing": routing.routing,
        "estimates": estimates.estimates,
        "queue": queue.queue,
        "real-size": real_size.real_size,
    }
    asked = sys.argv[1:] or list(known)[:-1]
    if unknown := [name for name in asked if name not in known]:
        print(f"There is no benchmark {unknown[0]!r}; choose from {', '.join(known)}.", file=sys.stderr)
        return 2
    for name in asked:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["LETHE_HOME"] = folder
            print(f"\n{name} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)
            for line in known[name]():
                print(f"  {line}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
