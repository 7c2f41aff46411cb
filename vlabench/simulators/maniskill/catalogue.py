"""What the put-on-plate scenes are made of: 25 objects, 17 receptacles, 21 tables, and which of them training sees.

Names, boxes and densities are those of RL4VLA's `model_db.json` files (commit 55f966d; MIT), masses what its convex
hulls come to; the splits are those of RL4VLA's section 4 and appendix A.
"""

from __future__ import annotations

from dataclasses import dataclass

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Thing:
    """An object or a receptacle.

    name: as instructions say it. folder: of its files in the official pack. low, high: its box (m) in its own frame,
    lying as it is put into a scene. density (kg/m³) of the official pack's hulls, and the mass (kg) that they have.
    """

    name: str
    folder: str
    low: Triple
    high: Triple
    density: float
    mass: float

    @property
    def half(self) -> Triple:
        """Half of its box's edges (m)."""
        x, y, z = ((high - low) / 2 for low, high in zip(self.low, self.high, strict=True))
        return (x, y, z)


@dataclass(frozen=True)
class Table:
    """A picture that the green screen shows around robot and things, and the texture of the same number."""

    name: str
    picture: str
    texture: str


OBJECTS = (
    Thing("carrot", "001_carrot_simpler", (-0.0641, -0.0163, -0.0178), (0.0542, 0.0159, 0.0234), 1044, 0.0818),
    Thing("kitchen shovel", "002_kitchen shovel_1", (-0.0285, -0.0612, -0.0123), (0.0286, 0.0876, 0.0089), 557, 0.0187),
    Thing("bread", "003_bread_1", (-0.0222, -0.0224, -0.0146), (0.0223, 0.0225, 0.0145), 526, 0.0169),
    Thing("plastic bottle", "004_plastic bottle_1", (-0.0172, -0.0524, -0.0179),
          (0.0189, 0.0692, 0.0211), 1916, 0.2199),
    Thing("7up can", "005_7up can_1", (-0.0165, -0.0314, -0.0164), (0.0166, 0.0296, 0.0167), 790, 0.0379),
    Thing("zuchinni", "006_zuchinni_1", (-0.0615, -0.0184, -0.0123), (0.0486, 0.0123, 0.0137), 715, 0.0306),
    Thing("ketchup bottle", "007_ketchup bottle_1", (-0.0104, -0.0374, -0.0104), (0.0104, 0.0439, 0.0104), 500, 0.0111),
    Thing("watering can", "008_watering can_1", (-0.0443, -0.02, -0.0192), (0.0679, 0.0206, 0.0296), 1591, 0.1532),
    Thing("pipe", "009_pipe_1", (-0.0173, -0.0369, -0.0173), (0.0173, 0.0369, 0.0173), 1116, 0.0754),
    Thing("toy bear", "010_toy bear_1", (-0.0209, -0.0211, -0.0261), (0.0217, 0.0175, 0.0303), 667, 0.0265),
    Thing("fast food cup", "011_fast food cup_1", (-0.0124, -0.0124, -0.022), (0.0124, 0.0124, 0.0317), 500, 0.0084),
    Thing("plant", "012_plant_1", (-0.022, -0.0214, -0.0411), (0.0189, 0.0211, 0.0314), 1051, 0.0664),
    Thing("banana", "013_banana_1", (-0.0538, -0.0261, -0.0092), (0.0538, 0.014, 0.0092), 500, 0.0138),
    Thing("hamburger", "014_hamburger_1", (-0.025, -0.0261, -0.0189), (0.0243, 0.0249, 0.0223), 863, 0.0447),
    Thing("golf ball", "015_golf ball_1", (-0.0153, -0.0153, -0.0153), (0.0153, 0.0153, 0.0153), 500, 0.007),
    Thing("BBQ sauce", "016_BBQ sauce_1", (-0.0265, -0.0162, -0.0286), (0.0265, 0.0162, 0.0486), 1057, 0.0671),
    Thing("travel cup", "017_travel cup_1", (-0.0198, -0.0403, -0.0172), (0.032, 0.0456, 0.0172), 1018, 0.0614),
    Thing("pepper", "018_pepper_1", (-0.0221, -0.0225, -0.0228), (0.0221, 0.0225, 0.0228), 835, 0.0426),
    Thing("nonstop can", "019_nonstop can_1", (-0.0174, -0.0174, -0.0428), (0.0174, 0.0174, 0.0425), 1248, 0.0946),
    Thing("potato", "020_potato_1", (-0.0244, -0.037, -0.0225), (0.0246, 0.037, 0.022), 1355, 0.1135),
    Thing("baguette", "021_baguette_1", (-0.0179, -0.0708, -0.0124), (0.0205, 0.0682, 0.0133), 1367, 0.1107),
    Thing("champagne glass", "022_champagne glass_1", (-0.0142, -0.0142, -0.0541),
          (0.0142, 0.0142, 0.0313), 500, 0.0119),
    Thing("kitchen spoon", "023_kitchen spoon_1", (-0.0248, -0.0761, -0.0014), (0.0248, 0.0502, 0.0158), 500, 0.0102),
    Thing("onion", "024_onion_1", (-0.0256, -0.0313, -0.0257), (0.0253, 0.031, 0.0255), 1137, 0.0792),
    Thing("cup", "025_cup_1", (-0.0221, -0.0222, -0.0012), (0.0365, 0.0221, 0.036), 1018, 0.0628),
)
TRAINING_OBJECTS = range(16)
TEST_OBJECTS = range(16, 25)

RECEPTACLES = (
    Thing("plate", "001_plate_simpler", (-0.055, -0.055, 0.0), (0.055, 0.055, 0.006), 1003, 0.0393),
    Thing("cloth", "002_cloth_1", (-0.0527, -0.0542, -0.0019), (0.0573, 0.0558, 0.0075), 6975, 0.5313),
    Thing("carpet", "003_carpet_1", (-0.0543, -0.0472, -0.0011), (0.0557, 0.0471, 0.0026), 2815, 0.0796),
    Thing("newspaper", "004_newspaper_1", (-0.0412, -0.0562, 0.0), (0.0403, 0.0599, 0.0041), 2278, 0.0551),
    Thing("sheet metal", "005_sheet metal_1", (-0.0555, -0.0472, -0.0019), (0.0553, 0.0471, 0.0013), 2389, 0.064),
    Thing("drawing tablet", "006_drawing tablet_1", (-0.0563, -0.042, -0.0029), (0.0565, 0.042, 0.0007), 2868, 0.081),
    Thing("tomato slice", "007_tomato slice_1", (-0.055, -0.055, -0.0022), (0.055, 0.055, 0.0022), 3089, 0.1088),
    Thing("pizza", "008_pizza_1", (-0.0545, -0.0542, -0.0027), (0.0555, 0.0558, 0.0039), 3862, 0.1571),
    Thing("flat bowl", "009_flat bowl_1", (-0.055, -0.055, -0.0049), (0.055, 0.055, 0.0071), 4847, 0.2431),
    Thing("gramophone disk", "010_gramophone disk_1", (-0.055, -0.055, -0.0013), (0.055, 0.055, 0.0013), 2193, 0.0544),
    Thing("frying pan", "011_frying pan_1", (-0.055, -0.0489, -0.0027), (0.055, 0.0611, 0.0058), 5104, 0.2837),
    Thing("mouse pad", "012_mouse pad_1", (-0.0539, -0.0545, 0.0002), (0.0561, 0.0555, 0.0066), 3332, 0.1222),
    Thing("cutting board", "013_cutting board_1", (-0.0631, -0.055, -0.0013), (0.0631, 0.055, 0.0013), 3107, 0.0986),
    Thing("chess board", "014_chess board_1", (-0.055, -0.055, -0.003), (0.055, 0.055, 0.003), 6368, 0.4623),
    Thing("manhole cover", "015_manhole cover_1", (-0.055, -0.055, -0.0022), (0.055, 0.055, 0.0022), 3743, 0.1509),
    Thing("envelope", "016_envelope_1", (-0.055, -0.0402, -0.0013), (0.055, 0.0398, 0.0017), 1824, 0.0318),
    Thing("notepad", "017_notepad_1", (-0.055, -0.04, -0.002), (0.055, 0.04, 0.002), 3087, 0.1087),
)
TRAINING_RECEPTACLES = range(1)
TEST_RECEPTACLES = range(1, 17)

TABLES = (
    Table("table", "001_table_simpler.png", "001.png"),
    Table("blue plastic table", "002_blue plastic table_1.png", "002.png"),
    Table("TV cabinet", "003_TV cabinet_1.png", "003.png"),
    Table("picnic table", "004_picnic table_1.png", "004.png"),
    Table("dest", "005_dest_1.png", "005.png"),
    Table("table", "006_table_1.png", "006.png"),
    Table("yellow desk", "007_yellow desk_1.png", "007.png"),
    Table("table", "008_table_2.png", "008.png"),
    Table("table", "009_table_3.png", "009.png"),
    Table("table", "010_table_4.png", "010.png"),
    Table("table", "011_table_5.png", "011.png"),
    Table("pink table", "012_pink table_1.png", "012.png"),
    Table("table", "013_table_6.png", "013.png"),
    Table("grass table", "014_grass table_1.png", "014.png"),
    Table("table", "015_table_7.png", "015.png"),
    Table("coloful desk", "016_coloful desk_1.png", "016.png"),
    Table("glass table", "017_glass table_1.png", "017.png"),
    Table("green table", "018_green table_1.png", "018.png"),
    Table("pink desk", "019_pink desk_1.png", "019.png"),
    Table("stone table", "020_stone table_1.png", "020.png"),
    Table("dining table", "021_dining table_2.png", "021.png"),
)
TRAINING_TABLES = range(16)
TEST_TABLES = range(16, 21)
TEXTURES = range(1, 17)
"""The tables (0-based) whose textures are blended over the picture in RL4VLA's vision settings: 002.png … 017.png."""
