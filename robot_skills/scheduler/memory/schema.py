"""How the file of a memory is laid out."""

from robot_skills.scheduler.sqlite_file import SqliteSchema

SCHEMA = SqliteSchema(
    kind="task memory",
    application_id=0x52534B4D,
    version=1,
    script="""
        CREATE TABLE task (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            instruction TEXT NOT NULL,
            cell TEXT NOT NULL,
            arm TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'interrupted')),
            reason TEXT NOT NULL,
            planner TEXT NOT NULL,
            goal TEXT NOT NULL,
            milestones TEXT NOT NULL,
            specification TEXT,
            planned INTEGER NOT NULL CHECK (planned IN (0, 1)),
            runs INTEGER NOT NULL,
            begun_at REAL NOT NULL,
            changed_at REAL NOT NULL
        ) STRICT;
        CREATE TABLE step (
            task INTEGER NOT NULL REFERENCES task(number) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            run INTEGER NOT NULL,
            skill TEXT NOT NULL,
            args TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            expected TEXT NOT NULL,
            missing TEXT NOT NULL,
            surprises TEXT NOT NULL,
            likely REAL,
            outcome TEXT NOT NULL,
            reason TEXT NOT NULL,
            began_at REAL NOT NULL,
            ended_at REAL,
            PRIMARY KEY (task, number)
        ) STRICT;
        CREATE TABLE failure (
            task INTEGER NOT NULL,
            step INTEGER NOT NULL,
            layer TEXT NOT NULL,
            during TEXT NOT NULL,
            cause TEXT NOT NULL,
            at REAL NOT NULL,
            PRIMARY KEY (task, step),
            FOREIGN KEY (task, step) REFERENCES step(task, number) ON DELETE CASCADE
        ) STRICT;
        CREATE TABLE thing (
            cell TEXT NOT NULL,
            arm TEXT NOT NULL,
            name TEXT NOT NULL,
            entity TEXT NOT NULL,
            inside TEXT NOT NULL,
            seen_at REAL NOT NULL,
            PRIMARY KEY (cell, arm, name)
        ) STRICT;
    """,
)
