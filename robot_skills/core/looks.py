"""What a look saw, as the data of a LOOK event: enough to say later what perception believed."""

from typing import Any

from robot_skills.core.scene import TABLE, Entity, Scene


def look_data(scene: Scene) -> dict[str, Any]:
    """The data of a LOOK event, JSON values only.

    ``entities`` are all names, in order; ``things`` says of each but the table where it is believed
    to be; ``views`` says how good the cameras' pictures were.
    """
    return {
        "entities": list(scene.entities),
        "stamp_s": scene.stamp_s,
        "things": {entity.name: _thing(entity) for entity in scene if entity.name != TABLE},
        "views": {
            name: {"age_s": view.age_s, "readings": view.readings}
            for name, view in scene.views.items()
        },
    }


def _thing(entity: Entity) -> dict[str, Any]:
    return {
        "label": entity.label,
        "colour": entity.colour,
        "p_m": [round(float(value), 4) for value in entity.T_base_entity.p],
        "size_m": [round(float(value), 4) for value in entity.extents_m],
        "movable": entity.movable,
        "visible": entity.visible,
        "held": entity.held_by is not None,
    }
